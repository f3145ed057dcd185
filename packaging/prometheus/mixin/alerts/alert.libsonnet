// One alerting rule in Prometheus' form. severity null: the series brings its own.
function(config, name, severity, expr, pending, summary, description)
  local labels = config.alertLabels + (if severity == null then {} else { severity: severity });
  {
    alert: name,
    expr: expr,
    [if pending != '0s' then 'for']: pending,
    [if labels != {} then 'labels']: labels,
    annotations: {
      summary: summary,
      description: description,
      runbook_url: '%s#%s' % [config.runbookUrl, std.asciiLower(name)],
    },
  }

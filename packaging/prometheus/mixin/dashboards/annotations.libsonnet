local datasource = (import 'panels.libsonnet').datasource;

local annotation(name, colour, expr, title, text) = {
  name: name,
  enable: true,
  iconColor: colour,
  datasource: datasource,
  expr: expr,
  step: '30s',
  titleFormat: title,
  textFormat: text,
  tagKeys: 'severity',
};
local hosts = 'job=~"$job",instance=~"$instance"';

[
  annotation(
    'Alerts',
    'red',
    'ALERTS{alertname=~"Lowatch.+",alertstate="firing",severity=~"warning|critical",%s}' % hosts,
    '{{alertname}}',
    '{{instance}} {{domain}} {{address}}',
  ),
  annotation(
    'Starts',
    'blue',
    'time() - process_start_time_seconds{%s} < 60' % hosts,
    'lowatch started',
    '{{instance}}',
  ),
  annotation(
    'Reloads',
    'green',
    'time() - lowatch_config_last_reload_success_timestamp_seconds{%s} < 60' % hosts,
    'configuration loaded',
    '{{instance}}',
  ),
]

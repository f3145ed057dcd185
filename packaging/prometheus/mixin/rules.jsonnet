// ../lowatch.rules.yml: jsonnet -S rules.jsonnet
//
// As a person would write it, who is the one to read it at night: std.manifestYamlDoc sorts the keys,
// so that an alert's name stands below its annotations, and quotes them or takes five seconds.
local mixin = import 'mixin.libsonnet';

local indent = std.join('', std.makeArray(8, function(_) ' '));

// A JSON string is one of YAML; toString is native, and escapeStringJson is not.
local quoted(text) =
  local list = std.toString([text]);
  list[1:std.length(list) - 1];

local block(text) = [indent + '  ' + line for line in std.split(text, '\n') if line != ''];

local mapping(key, values, order) =
  [indent + key + ':'] + [indent + '  ' + name + ': ' + quoted(values[name]) for name in order];

local rule(one) =
  (if 'alert' in one then ['      - alert: ' + one.alert] else ['      - record: ' + one.record]) +
  [indent + 'expr: |'] + block(one.expr) +
  (if 'for' in one then [indent + 'for: ' + one['for']] else []) +
  (if 'labels' in one then mapping('labels', one.labels, std.objectFields(one.labels)) else []) +
  (if 'annotations' in one
   then mapping('annotations', one.annotations, ['summary', 'description', 'runbook_url'])
   else []);

local group(one) = ['  - name: ' + one.name, '    rules:'] + std.flatMap(rule, one.rules);

std.join(
  '\n',
  ['# Made from mixin/ by `make -C packaging/prometheus/mixin`: change it there.', 'groups:'] +
  std.flatMap(group, mixin.prometheusRules.groups + mixin.prometheusAlerts.groups),
)

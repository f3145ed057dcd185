// ../../grafana/lowatch.json: jsonnet dashboard.jsonnet
(import 'mixin.libsonnet').grafanaDashboards['lowatch.json']

// Every alert has its section in docs/alerts.md.
{
  prometheusAlerts+:: {
    groups+: [
      { name: 'lowatch.vips', rules: (import 'vips.libsonnet')($._config) },
      { name: 'lowatch.daemon', rules: (import 'daemon.libsonnet')($._config) },
    ],
  },
}

// One dashboard: what is orphaned now, who serves what, and whether lowatch can be believed.
{
  local config = $._config,

  grafanaDashboards+:: {
    'lowatch.json': {
      uid: config.dashboardUid,
      title: 'lowatch',
      description: 'VIPs held by hosts that do not serve them',
      tags: config.dashboardTags,
      schemaVersion: 38,
      version: 1,
      editable: true,
      graphTooltip: 1,  // a shared crosshair
      refresh: config.dashboardRefresh,
      time: { from: 'now-6h', to: 'now' },
      timezone: 'browser',
      links: [],
      templating: { list: (import 'variables.libsonnet')(config) },
      annotations: { list: (import 'annotations.libsonnet') },
      panels: (import 'panels.libsonnet').laid(
        (import 'vips.libsonnet') + (import 'daemon.libsonnet')
      ),
    },
  },
}

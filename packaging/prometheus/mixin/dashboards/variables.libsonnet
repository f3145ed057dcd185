local datasource = (import 'panels.libsonnet').datasource;

local choice(name, label, query, all) = {
  name: name,
  label: label,
  type: 'query',
  datasource: datasource,
  definition: query,
  query: { query: query, refId: 'Prometheus-' + name },
  refresh: 2,  // when the time range changes
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: all,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  hide: 0,
};

function(config) [
  {
    name: 'datasource',
    label: 'data source',
    type: 'datasource',
    query: 'prometheus',
    current: {},
    hide: 0,
    refresh: 1,
  },
  choice('job', 'job', 'label_values(lowatch_build_info, job)', '.+'),
  choice('instance', 'host', 'label_values(lowatch_build_info{job=~"$job"}, instance)', '.+'),
  // What has no domain, as a finding about an address, is shown with all of them.
  choice(
    'domain',
    'domain',
    'label_values(lo_orphan_vip{job=~"$job",instance=~"$instance"}, domain)',
    '.*',
  ),
]

// The lower half: DNS, the kernel's events, and the daemon's own cost.
local panels = import 'panels.libsonnet';

local hosts = 'job=~"$job",instance=~"$instance"';
local rate(metric) = 'rate(%s{%s}[$__rate_interval])' % [metric, hosts];
local total(metric, by='') = 'sum%s (%s)' % [if by == '' then '' else ' by (%s)' % by, rate(metric)];
local quantile(q, metric) = panels.series(
  'histogram_quantile(%g, sum by (le) (%s))' % [q, rate(metric + '_bucket')],
  'p%g' % (q * 100),
);
local busiest(expr) = panels.series('topk(10, %s)' % expr, '{{instance}}');
local lost(metric, name) = panels.series(
  'sum(increase(%s{%s}[$__rate_interval]))' % [metric, hosts],
  name,
);

[
  {
    title: 'DNS',
    panels: [
      panels.timeseries(
        'Queries by outcome',
        'TIMEOUT and UNREACHABLE: no answer arrived.',
        [panels.series(total('lowatch_dns_queries_total', 'rcode'), '{{rcode}}')],
        'reqps',
        stacked=true,
        width=6,
      ),
      panels.timeseries(
        'Time to an answer',
        'Per query, including failed ones.',
        [quantile(0.5, 'lowatch_dns_query_duration_seconds'), quantile(0.99, 'lowatch_dns_query_duration_seconds')],
        's',
        width=6,
      ),
      panels.timeseries(
        'Lookup delay',
        'Delay from when a lookup was due. Above a second, max_qps is too low.',
        [quantile(0.5, 'lowatch_dns_lag_seconds'), quantile(0.99, 'lowatch_dns_lag_seconds')],
        's',
        width=6,
      ),
      panels.timeseries(
        'Domains by status',
        'Summed over hosts. Stale: the last good answer is kept. Unknown: not judged.',
        [panels.series('sum by (status) (lowatch_domains{%s})' % hosts, '{{status}}')],
        'none',
        stacked=true,
        width=6,
      ),
    ],
  },
  {
    title: 'Audits and the kernel',
    panels: [
      panels.timeseries(
        'Age of the last audit',
        'The ten oldest. A constant offset is the clock difference between host and Prometheus.',
        [busiest('time() - lowatch_last_audit_timestamp_seconds{%s}' % hosts)],
        's',
        width=6,
      ),
      panels.timeseries(
        'Time for an audit',
        '',
        [quantile(0.5, 'lowatch_audit_duration_seconds'), quantile(0.99, 'lowatch_audit_duration_seconds')],
        's',
        width=6,
      ),
      panels.timeseries(
        'Audits and netlink events',
        'Events only trigger another look: a burst of them causes one audit.',
        [
          panels.series(total('lowatch_audits_total'), 'audits'),
          panels.series(total('lowatch_netlink_events_total', 'group'), '{{group}} events'),
        ],
        'ops',
        width=6,
      ),
      panels.timeseries(
        'Lost and repeated',
        'Each overrun is followed by a resync. Dropped: journal entries, series over the limit. Mismatches: ' +
        'DNS responses that the two parsers read differently.',
        [
          lost('lowatch_netlink_overruns_total', 'netlink overruns'),
          lost('lowatch_netlink_resyncs_total', 'netlink resyncs'),
          lost('lowatch_journal_dropped_total', 'journal entries dropped'),
          lost('lowatch_series_dropped_total', 'series dropped'),
          lost('lowatch_netlink_fallbacks_total', 'netlink messages read by pyroute2'),
          lost('lowatch_dns_parser_mismatches_total', 'DNS parser mismatches'),
          lost('lowatch_limit_reached_total', 'limits reached'),
        ],
        'none',
        width=6,
      ),
    ],
  },
  {
    title: 'The daemon',
    panels: [
      panels.timeseries(
        'CPU',
        'Share of one core, the ten busiest.',
        [busiest(rate('process_cpu_seconds_total'))],
        'percentunit',
        width=4,
      ),
      panels.timeseries(
        'Resident memory',
        'The ten largest.',
        [busiest('process_resident_memory_bytes{%s}' % hosts)],
        'bytes',
        width=4,
      ),
      panels.timeseries(
        'Open descriptors',
        'Share of the limit, the ten highest.',
        [busiest('process_open_fds{%(h)s} / process_max_fds{%(h)s}' % { h: hosts })],
        'percentunit',
        width=4,
      ),
      panels.timeseries(
        'Event loop turns',
        'Duration of a turn; nothing else is answered or noticed during it. Above 50 ms is too long.',
        [quantile(0.5, 'lowatch_loop_lag_seconds'), quantile(0.99, 'lowatch_loop_lag_seconds')],
        's',
        width=4,
      ),
      panels.table(
        'Versions and configurations',
        'When each host started and last loaded its configuration, and how many keys need a restart.',
        [
          '1000 * max by (instance) (process_start_time_seconds{%s})' % hosts,
          '1000 * max by (instance) (lowatch_config_last_reload_success_timestamp_seconds{%s})' % hosts,
          'max by (instance) (lowatch_config_last_reload_successful{%s})' % hosts,
          'max by (instance, version) (lowatch_build_info{%s})' % hosts,
          // No series where nothing is pending: zero, and not nothing.
          'sum by (instance) (lowatch_reload_pending{%(h)s}) or 0 * max by (instance) (lowatch_build_info{%(h)s})'
          % { h: hosts },
        ],
        {
          instance: { name: 'host' },
          version: { name: 'version' },
          'Value #A': { name: 'started', unit: 'dateTimeFromNow' },
          'Value #B': { name: 'configured', unit: 'dateTimeFromNow' },
          'Value #C': { name: 'reload worked', unit: 'bool_yes_no', steps: [
            { color: 'red', value: null },
            { color: 'green', value: 1 },
          ] },
          'Value #E': { name: 'needs a restart' },
        },
        ['instance', 'version', 'Value #A', 'Value #B', 'Value #C', 'Value #E'],
        hidden=['Value #D'],
        sort='started',
        descending=true,
        width=8,
      ),
    ],
  },
]

// The upper half: the VIPs, by what the hosts say of them.
local panels = import 'panels.libsonnet';

local hosts = 'job=~"$job",instance=~"$instance"';
local named = hosts + ',domain=~"$domain"';
local vip = 'domain, address, port, protocol';

// A host may hold an address on two interfaces: it is one host.
local perHost = 'max by (instance, %s) (lo_orphan_vip{%s})' % [vip, named];

local column(name, extra={}) = { name: name } + extra;
local place = {
  domain: column('domain'),
  address: column('address'),
  port: column('port'),
  protocol: column('protocol'),
};

[
  {
    title: 'Now',
    panels: [
      panels.stat(
        'Orphaned endpoints',
        'Domain, address and port: local on a host, but not served there.',
        'sum(%s)' % perHost,
        noValue='no VIP held',
      ),
      panels.stat(
        'Served nowhere',
        'Endpoints that at least one host holds and no host serves.',
        'sum(sum by (%s) (1 - %s) == bool 0)' % [vip, perHost],
        noValue='no VIP held',
      ),
      panels.stat(
        'Findings firing',
        'All kinds, including orphans.',
        'sum(lowatch_findings{state="firing",%s})' % hosts,
        colour='orange',
      ),
      panels.stat(
        'Hosts watched',
        'Hosts that export an audit.',
        'count(lowatch_last_audit_timestamp_seconds{%s})' % hosts,
        bad=null,
      ),
      panels.stat('Hosts down', 'Targets that cannot be scraped.', 'sum(up{%s} == bool 0)' % hosts),
      panels.stat(
        'Oldest audit',
        'Age of the least recent audit; lowatch makes one at least every 30 s.',
        'max(time() - lowatch_last_audit_timestamp_seconds{%s})' % hosts,
        unit='s',
        bad=180,
      ),
      panels.stat(
        'Unresolved domains',
        'No address (NXDOMAIN, NODATA), stale or unknown. Summed over hosts.',
        'sum(lowatch_domains{status!="resolved",%s})' % hosts,
        colour='orange',
      ),
      panels.stat(
        'Reloads refused',
        'Hosts whose last reload failed: they run the previous configuration.',
        'sum(lowatch_config_last_reload_successful{%s} == bool 0)' % hosts,
        colour='orange',
      ),
    ],
  },
  {
    title: 'VIPs',
    panels: [
      panels.table(
        'Orphaned now',
        'Since: start of the alert LowatchOrphanVip; empty if the rules are not loaded.',
        [
          '%s == 1' % perHost,
          '1000 * max by (instance, %s) (ALERTS_FOR_STATE{alertname="LowatchOrphanVip",%s})' % [vip, named],
        ],
        place {
          instance: column('host'),
          'Value #B': column('since', { unit: 'dateTimeFromNow' }),
        },
        ['domain', 'instance', 'address', 'port', 'protocol', 'Value #B'],
        hidden=['Value #A'],
        sort='since',
      ),
      panels.table(
        'Who serves what',
        'How many hosts hold each endpoint, and how many of them serve it. The least served first.',
        [
          'count by (%s) (%s)' % [vip, perHost],
          'sum by (%s) (1 - %s)' % [vip, perHost],
        ],
        place {
          'Value #A': column('holding'),
          'Value #B': column('serving', { steps: [{ color: 'red', value: null }, { color: 'green', value: 1 }] }),
        },
        ['domain', 'address', 'port', 'protocol', 'Value #A', 'Value #B'],
        sort='serving',
      ),
      panels.timeline(
        'Endpoints that were orphaned',
        'Endpoints that were orphaned on any host in this period, and when.',
        [panels.series(
          |||
            max by (%(vip)s) (lo_orphan_vip{%(named)s})
            and
            max by (%(vip)s) (max_over_time(lo_orphan_vip{%(named)s}[$__range])) == 1
          ||| % { vip: vip, named: named },
          '{{domain}} {{address}} {{port}}/{{protocol}}',
        )],
        { '0': { text: 'served', color: 'green', index: 0 }, '1': { text: 'orphaned', color: 'red', index: 1 } },
      ),
      panels.timeseries(
        'Clients refused',
        'Connects of local clients to an address held there that failed; port 0: unknown. The ten most frequent.',
        [panels.series(
          'topk(10, sum by (address, port) (rate(lowatch_refused_connects_total{%s}[$__rate_interval])) > 0)'
          % hosts,
          '{{address}} {{port}}',
        )],
        'ops',
        width=24,
      ),
    ],
  },
  {
    title: 'Findings',
    panels: [
      panels.timeseries(
        'Findings by kind',
        'In all states: pending, firing, acknowledged.',
        [panels.series('sum by (kind, state) (lowatch_findings{%s}) > 0' % hosts, '{{kind}}, {{state}}')],
        'none',
        stacked=true,
        width=6,
      ),
      panels.table(
        'Findings of other kinds',
        'All except orphan-vip, which has its own table.',
        ['max by (instance, kind, severity, state, interface, address, domain) (lowatch_finding{%s})' % named],
        {
          instance: column('host'),
          kind: column('kind'),
          severity: column('severity'),
          state: column('state'),
          interface: column('interface'),
          address: column('address'),
          domain: column('domain'),
        },
        ['severity', 'kind', 'state', 'instance', 'interface', 'address', 'domain'],
        hidden=['Value'],
        sort='severity',
      ),
      panels.timeseries(
        'Addresses held',
        'On watched interfaces, including local routes. A step is a VIP that was added or removed.',
        [panels.series(
          'sum by (interface, family) (lowatch_held_addresses{%s})' % hosts,
          '{{interface}}, {{family}}',
        )],
        'none',
        width=6,
      ),
    ],
  },
  {
    title: 'Unresolved or acknowledged',
    panels: [
      panels.table(
        'Unresolved domains by name',
        'These domains do not resolve, are unknown, or have only a stale answer, so they are not checked reliably.',
        ['max by (instance, domain, status) (lowatch_domain_status{%s})' % named],
        { instance: column('host'), domain: column('domain'), status: column('status') },
        ['status', 'domain', 'instance'],
        hidden=['Value'],
        sort='status',
        width=8,
      ),
      panels.table(
        'Acknowledged',
        'Findings that are there and were accepted until a date.',
        ['max by (instance, kind, interface, address, domain) (lowatch_finding_acknowledged{%s})' % hosts],
        {
          instance: column('host'),
          kind: column('kind'),
          interface: column('interface'),
          address: column('address'),
          domain: column('domain'),
        },
        ['kind', 'instance', 'interface', 'address', 'domain'],
        hidden=['Value'],
        sort='kind',
        width=8,
      ),
      panels.timeseries(
        'What could not be observed',
        'Problems of the last audits by source, and how many hosts could not observe everything.',
        [
          panels.series('sum by (source) (lowatch_problems{%s})' % hosts, '{{source}}'),
          panels.series('sum(lowatch_audit_complete{%s} == bool 0)' % hosts, 'hosts with an incomplete audit'),
        ],
        'none',
      ),
    ],
  },
]

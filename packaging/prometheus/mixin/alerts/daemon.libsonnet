// Whether lowatch itself can be believed. Unknown is not OK: a host that is not watched is reported.
local words = import '../words.libsonnet';
local alert = import 'alert.libsonnet';
local expressions = import 'expressions.libsonnet';

function(config)
  local c = words(config);
  local reporting = expressions.reporting(c);
  [
    alert(
      config,
      'LowatchDown',
      'warning',
      |||
        up{%(selector)s} == 0
        or
        absent(up{%(selector)s})
      ||| % c,
      config.downFor,
      '{{ with $labels.instance }}lowatch on {{ . }} cannot be scraped{{ else }}No lowatch is being ' +
      'scraped{{ end }}',
      '{{ with $labels.instance }}Nobody watches the VIPs of {{ . }}: its daemon is down, or Prometheus ' +
      'cannot reach it. Alerts that were firing for it keep firing.{{ else }}Prometheus has no ' +
      'target{{ with $labels.job }} of the job {{ . }}{{ end }}: look at its scrape configuration and ' +
      'service discovery. No other lowatch alert can fire.{{ end }}',
    ),

    alert(
      config,
      'LowatchAuditMissing',
      'warning',
      |||
        up{%(selector)s} == 1
        unless on (%(host)s)
        %(reporting)s
      ||| % (c { reporting: reporting }),
      config.auditMissingFor,
      '{{ $labels.instance }} is up but shows no audit',
      '{{ $labels.instance }} answers scrapes that contain no audit. Either lowatch has not finished ' +
      'its first audit since it started, or something else answers at that address.',
    ),

    // The timestamp is compared with itself: neither clock needs to be right, and there is nothing to
    // compare with before the first audit, or after a restart.
    alert(
      config,
      'LowatchAuditStale',
      'warning',
      |||
        time() - (
          %(reporting)s
          == %(reporting)s offset %(auditStaleAfter)s
        )
      ||| % (c { reporting: reporting }),
      '0s',
      'lowatch on {{ $labels.instance }} has stopped auditing',
      'The last audit on {{ $labels.instance }} was made {{ $value | humanizeDuration }} ago, though one ' +
      'is due every 30 s. Its other metrics are just as old: an orphan VIP would not be noticed.',
    ),

    alert(
      config,
      'LowatchAuditIncomplete',
      'warning',
      |||
        lowatch_audit_complete{%(selector)s} == 0
      ||| % c,
      config.auditIncompleteFor,
      'lowatch on {{ $labels.instance }} cannot observe everything it watches',
      'The audits of {{ $labels.instance }} are incomplete: something could not be observed, and ' +
      'findings that depend on it are neither raised nor resolved. `lowatch_problems` counts the ' +
      'problems by source; `lowatch check` on that host shows them.',
    ),

    alert(
      config,
      'LowatchDomainsUnknown',
      'warning',
      |||
        lowatch_domains{status=~"stale|unknown",%(selector)s} > 0
      ||| % c,
      config.domainsUnknownFor,
      '{{ $value }} domain(s) are {{ $labels.status }} on {{ $labels.instance }}',
      'DNS gives {{ $labels.instance }} no fresh answer for {{ $value }} of its domains. Stale domains ' +
      'are judged by their last good answer. Unknown domains are not judged at all: neither a new ' +
      'orphan VIP nor the end of one would be noticed.',
    ),

    alert(
      config,
      'LowatchDnsFailing',
      'warning',
      |||
        sum by (%(host)s) (rate(lowatch_dns_queries_total{rcode!~"NOERROR|NXDOMAIN",%(selector)s}[5m]))
        /
        sum by (%(host)s) (rate(lowatch_dns_queries_total{%(selector)s}[5m]))
        > %(dnsFailingRatio)g
      ||| % c,
      config.dnsFailingFor,
      '{{ $value | humanizePercentage }} of the DNS queries of {{ $labels.instance }} fail',
      'Of the DNS queries that lowatch on {{ $labels.instance }} sends, {{ $value | humanizePercentage }} ' +
      'end in SERVFAIL, REFUSED, a timeout or the like. Other programs on that host that resolve names ' +
      'probably have the same problem.',
    ),

    alert(
      config,
      'LowatchDnsLate',
      'warning',
      |||
        histogram_quantile(
          0.99,
          sum by (le, %(host)s) (rate(lowatch_dns_lag_seconds_bucket{%(selector)s}[10m]))
        ) > %(dnsLateSeconds)g
      ||| % c,
      config.dnsLateFor,
      'DNS lookups on {{ $labels.instance }} begin {{ $value | humanizeDuration }} late',
      'lowatch on {{ $labels.instance }} refreshes its domains later than their TTLs require, by ' +
      '{{ $value | humanizeDuration }} for the latest 1 %: `dns.max_qps` is too low for so many ' +
      'domains, or a nameserver is slow. A change in DNS is noticed that much later.',
    ),

    // The resync that follows repairs a single overrun. Overruns that go on are reported.
    alert(
      config,
      'LowatchNetlinkOverrun',
      'warning',
      |||
        increase(lowatch_netlink_overruns_total{%(selector)s}[10m]) > 0
      ||| % c,
      config.netlinkOverrunFor,
      'lowatch on {{ $labels.instance }} keeps losing netlink events',
      'The kernel drops netlink events for lowatch on {{ $labels.instance }}, ' +
      '{{ $value | humanize }} time(s) in 10 min. lowatch dumps the whole state again each time, so ' +
      'nothing is missed for long, but this costs CPU: something changes addresses, routes or sockets ' +
      'at an unusual rate.',
    ),

    alert(
      config,
      'LowatchReloadFailed',
      'warning',
      |||
        lowatch_config_last_reload_successful{%(selector)s} == 0
      ||| % c,
      config.reloadFailedFor,
      'lowatch on {{ $labels.instance }} has refused its new configuration',
      'The last reload on {{ $labels.instance }} failed. The previous configuration stays in effect, ' +
      'but lowatch will not start after a restart. `lowatch config check` on that host shows every error.',
    ),

    alert(
      config,
      'LowatchReloadPending',
      'info',
      |||
        lowatch_reload_pending{%(selector)s} > 0
      ||| % c,
      config.reloadPendingFor,
      '{{ $labels.key }} on {{ $labels.instance }} takes effect only after a restart',
      'A reload on {{ $labels.instance }} changed {{ $labels.key }}, which lowatch reads only at start. ' +
      'The previous value stays in effect until `systemctl restart lowatch`.',
    ),

    alert(
      config,
      'LowatchJournalDropped',
      'warning',
      |||
        increase(lowatch_journal_dropped_total{%(selector)s}[15m]) > 0
      ||| % c,
      '0s',
      'lowatch on {{ $labels.instance }} could not write to the journal',
      'About {{ $value | humanize }} alerts of {{ $labels.instance }} were dropped in 15 min because ' +
      'journald did not accept them. Metrics and the status page have them; `lowatch history` does not.',
    ),

    alert(
      config,
      'LowatchSeriesDropped',
      'warning',
      |||
        increase(lowatch_series_dropped_total{%(selector)s}[10m]) > 0
      ||| % c,
      config.seriesDroppedFor,
      'lowatch on {{ $labels.instance }} has more series than it may export',
      'Scrapes of {{ $labels.instance }} leave out series of lo_orphan_vip (over 100,000, served ones ' +
      'first) or of lowatch_finding (over 1,000, the least severe first): alerts based on them may be ' +
      'missing. lowatch_findings still counts all.',
    ),

    alert(
      config,
      'LowatchLimitReached',
      'info',
      |||
        increase(lowatch_limit_reached_total{limit!~"%(lossless)s",%(selector)s}[15m]) > 0
      ||| % c,
      '0s',
      'lowatch on {{ $labels.instance }} has reached its limit {{ $labels.limit }}',
      'Something on {{ $labels.instance }} is larger than lowatch accepts: the limit ' +
      '{{ $labels.limit }} was reached about {{ $value | humanize }} time(s) in 15 min, and the excess was ' +
      'left out. ' +
      'docs/limits.md describes the limit; `journalctl -u lowatch` shows what exceeded it.',
    ),

    // One such turn is no trouble, and their share of all turns says nothing: an idle loop has few.
    alert(
      config,
      'LowatchLoopHeld',
      'warning',
      |||
        sum by (%(host)s) (increase(lowatch_loop_lag_seconds_count{%(selector)s}[10m]))
        -
        sum by (%(host)s) (increase(lowatch_loop_lag_seconds_bucket{le="0.5",%(selector)s}[10m]))
        > %(loopHeldTimes)g
      ||| % c,
      config.loopHeldFor,
      'lowatch on {{ $labels.instance }} reacts late: its event loop is blocked repeatedly',
      'In 10 min the event loop of lowatch on {{ $labels.instance }} was blocked about ' +
      '{{ $value | humanize }} time(s) for longer than half a second. Meanwhile it notices nothing and ' +
      'answers no scrape.',
    ),
  ]

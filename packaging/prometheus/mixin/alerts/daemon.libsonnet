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
      '{{ with $labels.instance }}lowatch on {{ . }} cannot be scraped{{ else }}No lowatch is being scraped{{ end }}',
      '{{ with $labels.instance }}Nobody watches the VIPs of {{ . }}: its daemon is down, or Prometheus ' +
      'cannot reach it. Alerts that fired for it before are kept as they were.{{ else }}Prometheus has no ' +
      'target{{ with $labels.job }} of the job {{ . }}{{ end }}: look at its scrape configuration and ' +
      'service discovery. No other alert of lowatch can fire.{{ end }}',
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
      '{{ $labels.instance }} is up, but shows no audit',
      '{{ $labels.instance }} has been answering scrapes without a single audit in them. Either lowatch ' +
      'has not finished its first look since it started, or something else answers at that address.',
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
      'is due every 30 s. All its other metrics are as old as that: an orphan VIP would not be seen.',
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
      'The audits of {{ $labels.instance }} have been incomplete: something could not be observed, and what ' +
      'depends on it is neither reported nor resolved. `lowatch_problems` counts the problems by source; ' +
      '`lowatch check` on that host names them.',
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
      'DNS gives {{ $labels.instance }} no fresh answer for {{ $value }} of its domains. Those that are ' +
      'stale are judged by their last good answer; those that are unknown are not judged at all, so ' +
      'that neither a new orphan VIP nor the end of one would be seen.',
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
      'end in SERVFAIL, REFUSED, a timeout or the like. Whatever else resolves names on that host is ' +
      'likely to fare no better.',
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
      'lowatch on {{ $labels.instance }} asks for its names later than their TTLs say, by ' +
      '{{ $value | humanizeDuration }} for the latest 1 %: `dns.max_qps` is too low for so many names, or a ' +
      'nameserver is slow. A change in DNS is noticed that much later.',
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
      'The kernel had to drop netlink events for lowatch on {{ $labels.instance }}, ' +
      '{{ $value | humanize }} time(s) in 10 min and for longer than that. It asks for the whole state again ' +
      'each time, so nothing is missed for long, but it costs CPU, and something changes addresses, ' +
      'routes or sockets at an unusual rate.',
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
      'The last reload on {{ $labels.instance }} failed. The previous configuration stays in force until a ' +
      'restart: then lowatch will not start. `lowatch config check` on that host names every error.',
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
      'A reload on {{ $labels.instance }} changed {{ $labels.key }}, which lowatch sets once, when it starts. ' +
      'The previous value stays in force until `systemctl restart lowatch`.',
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
      'About {{ $value | humanize }} entries about findings of {{ $labels.instance }} were given up in 15 min, ' +
      'because journald took none. Metrics and pages have them all; `lowatch history` does not.',
    ),

    alert(
      config,
      'LowatchSeriesDropped',
      'warning',
      |||
        increase(lowatch_series_dropped_total{%(selector)s}[10m]) > 0
      ||| % c,
      config.seriesDroppedFor,
      'lowatch on {{ $labels.instance }} has more series than it may show',
      'Scrapes of {{ $labels.instance }} leave out series of lo_orphan_vip (more than 100,000, those that ' +
      'are served first) or of lowatch_finding (more than 1,000, the least severe first): alerts made of ' +
      'them may be missing. lowatch_findings still counts all.',
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
      'Something on {{ $labels.instance }} is larger than lowatch takes in: the limit {{ $labels.limit }} was ' +
      'reached about {{ $value | humanize }} time(s) in 15 min, and what lies beyond it was left out. ' +
      'docs/limits.md says what that is; `journalctl -u lowatch` whose it was.',
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
      'lowatch on {{ $labels.instance }} reacts late: its event loop is held again and again',
      'In 10 min the event loop of lowatch on {{ $labels.instance }} was held about ' +
      '{{ $value | humanize }} time(s) for longer than half a second. Meanwhile nothing is noticed, and no ' +
      'scrape is answered.',
    ),
  ]

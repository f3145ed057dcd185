// What lowatch is for: VIPs that nobody serves, and what else is wrong with what a host holds.
local words = import '../words.libsonnet';
local alert = import 'alert.libsonnet';
local expressions = import 'expressions.libsonnet';

local endpoint = '{{ $labels.domain }} ({{ $labels.address }}, {{ $labels.port }}/{{ $labels.protocol }})';

function(config)
  local c = words(config);
  local reporting = expressions.reporting(c);
  [
    // lo_orphan_vip is 1 whether it was acknowledged or not.
    alert(
      config,
      'LowatchOrphanVip',
      'critical',
      |||
        lo_orphan_vip{%(selector)s} == 1
        unless on (%(finding)s)
        lowatch_finding_acknowledged{kind="orphan-vip",%(selector)s}
        or
      ||| % c + expressions.untilSeenAgain(c, 'LowatchOrphanVip', ['severity']),
      config.orphanVipFor,
      'Nothing serves %s on {{ $labels.instance }}, but the address is local there' % endpoint,
      '{{ $labels.instance }} holds {{ $labels.address }} on {{ $labels.interface }} and resolves ' +
      '{{ $labels.domain }} to it, but nothing listens on {{ $labels.port }}/{{ $labels.protocol }}. ' +
      'Connections from this host to that domain fail, although other hosts may serve it. Start the ' +
      'service again, or remove the address if it was left behind. For the evidence, run this on that ' +
      'host: `lowatch explain {{ $labels.domain }}`.',
    ),

    alert(
      config,
      'LowatchVipServedNowhere',
      'critical',
      |||
        vip:lo_orphan_vip:holding_hosts{%(selector)s}
        and
        vip:lo_orphan_vip:serving_hosts{%(selector)s} == 0
        unless
      ||| % c + expressions.silentHosts(c, ' == 0'),
      config.vipServedNowhereFor,
      'No host serves %s' % endpoint,
      '{{ $value }} host(s) hold {{ $labels.address }} for {{ $labels.domain }}, and none of them serves ' +
      '{{ $labels.port }}/{{ $labels.protocol }}: within this fleet, it is down for everyone. ' +
      'A host that has not been seen for %s does not count.' % config.silentHostGrace,
    ),

    // Not where the name has just moved to another address, and is served there.
    alert(
      config,
      'LowatchVipWithdrawn',
      'warning',
      |||
        max_over_time(vip:lo_orphan_vip:serving_hosts{%(selector)s}[%(vipWithdrawnWindow)s]) > 0
        unless
        vip:lo_orphan_vip:holding_hosts{%(selector)s}
        unless on (%(name)s)
        vip:lo_orphan_vip:serving_hosts{%(selector)s} > 0
        and on (%(fleet)s)
        %(reporting)s
        unless
      ||| % (c { reporting: reporting }) + expressions.silentHosts(c, ''),
      config.vipWithdrawnFor,
      'No host holds %s any more' % endpoint,
      'Up to {{ $value }} host(s) served it within the last %s. ' % config.vipWithdrawnWindow +
      'Now no host that reports both holds {{ $labels.address }} and resolves {{ $labels.domain }} to it, ' +
      'and the domain is not served at any other address: either every host has withdrawn it, or it was ' +
      'retired on purpose (then this alert ends by itself).',
    ),

    alert(
      config,
      'LowatchVipUnreferenced',
      'info',
      |||
        lowatch_finding{kind="idle-vip",state="firing",%(selector)s}
      ||| % c,
      config.vipUnreferencedFor,
      '{{ $labels.instance }} holds {{ $labels.address }}, but no known domain resolves to it',
      '{{ $labels.address }} is on {{ $labels.interface }} of {{ $labels.instance }}, but no domain that ' +
      'lowatch knows resolves to it, and no socket is bound to it: was it left behind? Connections to ' +
      'it from this host stay on this host.',
    ),

    alert(
      config,
      'LowatchFinding',
      null,
      |||
        lowatch_finding{kind!="idle-vip",state="firing",%(selector)s}
        or
      ||| % c + expressions.untilSeenAgain(c, 'LowatchFinding', []),
      config.findingFor,
      '{{ $labels.kind }} on {{ $labels.instance }}' +
      '{{ with $labels.address }}: {{ . }}{{ end }}{{ with $labels.domain }} ({{ . }}){{ end }}',
      'lowatch on {{ $labels.instance }} reports {{ $labels.kind }}' +
      '{{ with $labels.interface }} on {{ . }}{{ end }}{{ with $labels.address }}, address {{ . }}{{ end }}' +
      '{{ with $labels.domain }}, domain {{ . }}{{ end }}. For the cause and the fix, run this on that ' +
      'host: `lowatch check`, or `journalctl -u lowatch -x`.',
    ),
  ]

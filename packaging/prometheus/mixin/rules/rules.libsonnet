// A VIP as the fleet has it: one series for each domain, address and port, whatever the number of hosts.
local words = import '../words.libsonnet';

{
  local c = words($._config),

  prometheusRules+:: {
    groups+: [{
      name: 'lowatch.rules',
      rules: [
        {
          record: 'vip:lo_orphan_vip:holding_hosts',
          expr: |||
            count by (%(vip)s) (
              max by (%(vip_and_host)s) (lo_orphan_vip{%(selector)s})
            )
          ||| % c,
        },
        {
          record: 'vip:lo_orphan_vip:serving_hosts',
          expr: |||
            sum by (%(vip)s) (
              1 - max by (%(vip_and_host)s) (lo_orphan_vip{%(selector)s})
            )
          ||| % c,
        },
      ],
    }],
  },
}

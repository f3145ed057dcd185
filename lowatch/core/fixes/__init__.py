"""Which change is proposed for a finding, and the proof that it takes nothing else away."""

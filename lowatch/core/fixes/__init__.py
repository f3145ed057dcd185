"""The change offered as a fix for a finding, and the proof that it takes nothing else away."""

"""From signals to a decision: the guide's rules, the policy, the gate."""

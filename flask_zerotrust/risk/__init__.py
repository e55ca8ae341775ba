"""Turn scored movement into a risk, a level and a decision. Pure: no request, store or clock."""

oracle only

"""Association of boxes from MOTChallenge folders."""

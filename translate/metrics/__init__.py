"""How good results are, in numbers: similarity of pairs, distance of piles."""

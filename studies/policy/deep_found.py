"""What the page says of the comparison, beside its figures."""

__all__ = ["ABOUT", "FOUND"]

ABOUT = """
No network of these earns more than the shipped law in fresh worlds, on average over all families, so the law stays
the default. But from nothing, in two minutes of a processor, multi-agent reinforcement learning finds networks that
share on the grid as the law does. They fail elsewhere.

All arms train in the law's families of worlds and in noisy ones: few flows and many, unequal and long round-trip
times, rivals of CUBIC, buffers of all sizes. One policy is shared by all flows, each acts on what it observes itself,
and the return is that of all flows of a world together. Each training gets as much processor time. All are judged in
worlds of seeds that no training and no selection has seen.
"""

FOUND = """
## What it says

- *The law is not beaten.* Of the arms on top of it and of the searches for another, none earns more with certainty
  over all families. Differences below 0.04 cannot be told apart here: most of that width is the one family with
  rivals, which counts three times.
- *From nothing, gradients need far fewer decisions than evolution.* MAPPO ends where the law is, over all families,
  after two million decisions, and MATD3 below it after less than one. Evolution on a network by itself has had forty
  to fifty million and is far from both: a whole world tells it one number, and a critic one a decision.
- *What such a network has not found* are the worlds that it meets seldom. MAPPO's shares on the grid as fairly as the
  law and keeps more beside CUBIC. In crowds Jain's index falls by 0.2 and more, jitter or a loss of 2 % leaves half
  of the capacity or less. MATD3's third training shares nowhere as the first does: two minutes are too short to end
  alike.
- *On top of the law, networks shorten the queue.* All lower the target, by which the grid's queue falls by a tenth at
  the same shares. Of two flows one of which is noisy, both then get more alike. The price is jitter that hides the
  own queue: at 3 ms two to four points of utilisation less, at 10 ms half of what the law uses.
- *Hand-made modes carry all of them.* Without the belief in rivals, or without drains, what a policy keeps beside
  CUBIC falls, networks by themselves included.
- *Why theory expects it.* The law is a fixed point at which shares are equal, with a gain that FAST's analysis gives.
  A network on top starts there and sees gradients of a few hundredths, under returns that chance moves by a tenth.
  What its four outputs can gain is a compromise between queue and use, which the return prices. A network by itself
  has to find the fixed point, which is one function of the own queue and the rate, and finds it where worlds are
  frequent.

## The one that ships as `deep`

`--policy deep` is `mappo on the law`, seed 0. Policies that trainings on top of the law had kept by then played 40
worlds of each family of one more seed, and the best three 40 of another. An evolved one (seed 2 after 15 generations)
gained 0.029 ± 0.018 over the law in these 80, this one 0.021 ± 0.019. They do not differ (0.007 ± 0.019), but the
evolved one shares worse in crowds. In the fresh worlds of the table nothing is left of the gain.

In all suites, one seed (`astraea congestion evaluate --arms policy,deep=deep --seeds 1` with the suites' names):

| suite | figure | law | deep |
|---|---|---:|---:|
| grid | Jain's index; queueing delay (ms) | 0.995; 3.0 | 0.996; 2.6 |
| extended | Jain's index; queueing delay (ms) | 0.987; 7.6 | 0.974; 6.7 |
| staggered, 200 ms | events after which it converged (%) | 75 | 55 |
| rtt, ratio 10 | least over largest | 0.815 | 0.848 |
| many, 8 packets a round trip | Jain's index | 0.988 | 0.990 |
| crowd, 75 to 500 flows | least Jain's index | 0.972 | 0.982 |
| clocks, 50 flows | Jain's index | 0.988 | 0.992 |
| tiny, 0.8 packets a round trip | Jain's index | 0.705 | 0.643 |
| changing, 40 to 120 ms, 3 flows | Jain's index | 0.991 | 0.886 |
| satellite, 3 flows | Jain's index | 0.633 | 0.598 |
| loss of 2 % | utilisation (%) | 96.4 | 96.3 |
| noise, jitter of 3 and 10 ms | utilisation (%) | 86.9, 31.2 | 82.6, 24.6 |
| friendliness, beside CUBIC and BBR | share, median | 0.664, 0.098 | 0.630, 0.075 |
| groups, 10 beside 10 CUBIC, 1 BDP | Jain's index among its own | 0.836 | 0.610 |
| groups, 1 beside 10 CUBIC, 1 BDP | share, median | 1.416 | 0.090 |
| transfer, 1 MB beside a long flow | completion over the ideal, median | 6.19 | 5.02 |

In `buffers`, `bottlenecks`, `incast` and `short` they are within 2 % of each other, queues apart.

## Conditions, and what is unfinished

- Two minutes are short. Half an hour each is the command's default, and the recipes are longer still (`residual`: 150
  generations, about ten minutes here; `deep` and `mappo`: four million decisions). Where the best came in the last
  tenth of the time, validation still rises.
- Equal decisions can only be compared among those that learn by gradients: evolution's first validation comes after
  two and a half million. A decision of evolution costs a thirtieth of one that is learned from.
- `law` begins where every search for a law does, and plays some 4,000 worlds. The search for the shipped one played
  10,200.
- What tells of rivals in the window became stricter after the trainings had begun. All were trained before and all
  are judged after it.
- Networks on top of the law were chosen by validation on four mixes of worlds, MAPPO's on three, MATD3's by its
  reward in twelve worlds.
"""

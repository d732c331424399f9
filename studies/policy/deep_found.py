"""What the page says of the comparison, beside its figures."""

__all__ = ["ABOUT", "FOUND"]

ABOUT = """
No network of these earns more than the shipped law in fresh worlds, on average over all families, so the law stays
the default. But two minutes of a processor take multi-agent reinforcement learning from nothing to networks that come
near it, share as fairly on the grid, and keep more beside CUBIC. In crowds and under noise they fail.

All arms train in the law's families of worlds and in noisy ones: few flows and many, unequal and long round-trip
times, rivals of CUBIC, buffers of all sizes. One policy is shared by all flows, each acts on what it observes itself,
and the return is that of all flows of a world together. Each training gets as much processor time. All are judged in
worlds of seeds that no training and no selection has seen.
"""

FOUND = """
## What it says

- *The law is not beaten over all families.* No arm's interval lies above 0, and differences below 0.04 cannot be told
  apart: most of that width is the one family with rivals, which counts three times. Of 175 intervals of the table a
  few lie above 0 by chance.
- *From nothing, gradients need far fewer decisions than evolution.* A window that nobody moves after start-up
  (`zeroed`) earns 0.56, since start-up and the mode against rivals are the window's own. From there MAPPO comes to
  where the law is after 1.9 million decisions, MATD3 to 0.025 below after 0.7. Evolution on a network by itself has
  had 46 million and ends far below where it began: a whole world tells it one number, a critic has one a decision,
  and its steps are too long for so few generations.
- *Networks by themselves keep more beside CUBIC* than the law, by 0.15 to 0.19 of a share. So does a window that
  stands still, by 0.26: they yield less. MATD3's do better among satellites and at jitter of 10 ms, too. MAPPO's have
  an index of 0.996 on the grid, all three; standing still has 0.78.
- *What they have not found* are worlds that are rare in training. Among 50 flows and more Jain's index falls by 0.09
  to 0.30, unequal round-trip times share worse, jitter of 3 ms leaves MAPPO a quarter of the capacity and a loss of 2
  % half. MATD3's trainings end apart, at 0.54, 0.64 and 0.67: two minutes are too short to end alike.
- *On top of the law, networks shorten the queue.* All lower the target, by which the grid's queue falls by 7 to 15 %
  at the same shares. Of two flows one of which is noisy, both then get more alike. The price is jitter that hides the
  own queue: 2.5 to 4 points of utilisation at 3 ms, 11 to 17 of 30 at 10 ms.
- *Hand-made modes carry all of them.* Without the belief in rivals, or without drains, what a policy keeps beside
  CUBIC falls by 0.3 to 0.6 of a share, for networks by themselves too. The law alone loses as much as with a network
  on top.
- *Why theory expects it.* The law is a fixed point at which shares are equal, with a gain that FAST's analysis gives.
  A network on top starts there and sees differences of a few hundredths, in returns that chance moves by a tenth.
  What its four outputs can gain is a compromise between queue and use, which the return prices. A network by itself
  has to find the fixed point, one function of the own queue and the rate, and finds it where worlds are frequent.

## The one that ships as `deep`

`--policy deep` is `mappo on the law`, seed 0. Policies that trainings on top of the law had kept by then played 40
worlds of each family of one more seed, and the best three 40 of another. An evolved one (seed 2 after 15 generations)
gained 0.029 ± 0.018 over the law in these 80, this one 0.021 ± 0.019. They do not differ (0.007 ± 0.019), but the
evolved one shares worse in crowds. In the fresh worlds of the table nothing is left of the gain.

In all suites, one seed (`astraea congestion evaluate SUITES --arms policy,deep=deep --seeds 1`):

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
| traces, LTE and 3G | utilisation (%) | 76.0, 82.3 | 71.2, 85.2 |
| fast, one flow on 10 Gbit/s × 10 ms | utilisation (%) | 31.7 | 41.3 |
| transfer, 1 MB beside a long flow | completion over the ideal, median | 6.19 | 5.02 |

In `buffers`, `bottlenecks`, `incast` and `short` they are within 2 % of each other, queues apart.

## Conditions, and what is unfinished

- Two minutes are short. Half an hour each is the command's default, and the recipes are longer still (`residual`: 150
  generations, about ten minutes here; `deep` and `mappo`: four million decisions). Where the best came in the last
  tenth of the time, validation still rises.
- Equal decisions can only be compared among those that learn by gradients: evolution's first validation comes after
  two and a half million. In as much time it plays 13 to 70 times as many decisions as the others.
- `law` begins where every search for a law does, and plays some 4,000 worlds. The search for the shipped one played
  10,200.
- What tells of rivals in the window became stricter after the trainings had begun. All were trained before and all
  are judged after it.
- Of each training the best by validation counts: on four mixes of twenty worlds where it evolves, on three with
  MAPPO, by the reward in twelve worlds with MATD3.
"""

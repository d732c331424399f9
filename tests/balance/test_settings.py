from typing import Any

import pytest

from astraea.balance.rebalancing import MeanPower, NoRebalancing
from astraea.balance.settings import BalanceSettings, TransformSettings
from astraea.errors import InputError


def test_the_parameters_of_a_rule_were_keys_of_balance_once() -> None:
    assert BalanceSettings(rebalancing="mean-power", alpha=0.5, tau_down=3.0).rebalancing == MeanPower(alpha=0.5)
    assert BalanceSettings(rebalancing="none", alpha=0.67).rebalancing == NoRebalancing()
    with pytest.raises(InputError, match=r" 'rebalancing.alpha', which the rebalancing rule 'z-score'"):
        BalanceSettings(rebalancing="z-score", alpha=0.5)


def test_who_sets_a_defence_bounds_what_clients_claim_more_tightly() -> None:
    rule = MeanPower()
    assert BalanceSettings().decided(rule, defended=False).bound == 100
    assert BalanceSettings().decided(rule, defended=True).bound == 10
    assert BalanceSettings(most_samples=50).decided(rule, defended=True).bound == 50
    with pytest.raises(ValueError, match="left open"):
        _ = BalanceSettings().bound


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'z-score'"):
        BalanceSettings(rebalancing="zscore")


@pytest.mark.parametrize("kind", [BalanceSettings, TransformSettings])
def test_every_setting_is_described(kind: Any) -> None:
    assert all(field.description for field in kind.model_fields.values())

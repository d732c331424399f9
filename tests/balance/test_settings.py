import pytest
from pydantic import ValidationError

from astraea.balance import rebalancing
from astraea.balance.rebalancing import REBALANCING_RULES, rule_parameters
from astraea.balance.settings import BalanceSettings, TransformSettings


@pytest.mark.parametrize("rule", sorted(REBALANCING_RULES))
def test_every_rule_runs_on_the_settings_as_they_are(rule: str) -> None:
    settings = BalanceSettings(rebalancing=rule)
    given = {name: getattr(settings, name) for name in rule_parameters(rule)}
    by_settings, by_default = rebalancing([9, 2, 1], rule, **given), rebalancing([9, 2, 1], rule)
    assert by_settings.copies.tolist() == by_default.copies.tolist()
    assert by_settings.keep.tolist() == by_default.keep.tolist()


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'z-score'"):
        BalanceSettings(rebalancing="zscore")


@pytest.mark.parametrize("kind", [BalanceSettings, TransformSettings])
def test_every_setting_is_described(kind: type) -> None:
    assert all(field.description for field in kind.model_fields.values())

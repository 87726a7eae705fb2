"""The conformance kit: rules for association models, datasets and trainers, as plain functions.

    import hnetzoo.testing

    report = hnetzoo.testing.check(spec)                         # all rules that apply to a declaration
    hnetzoo.testing.check_row_equivariance(spec)                 # one rule; raises CheckFailure if it is broken

    @hnetzoo.testing.parametrize_with_checks(hnetzoo_models())   # a plugin's own tests: one per rule
    def test_conformance(spec, check):
        check(spec)

The declared tags, never the names, decide which rules apply. A failure shows the smallest input tried that breaks the
rule. `hnetzoo check NAME` runs the same checks from the command line.
"""

from hnetzoo.testing.answers import (
    check_all_masked,
    check_batch_independence,
    check_batch_of_one,
    check_column_equivariance,
    check_deterministic,
    check_empty,
    check_input_not_mutated,
    check_masked_output_finite,
    check_masks_default_to_true,
    check_masks_respected,
    check_one_by_one,
    check_output_dtype,
    check_output_finite,
    check_output_shape,
    check_padding_invariance,
    check_rectangular,
    check_row_equivariance,
)
from hnetzoo.testing.datasets import (
    check_activity,
    check_distances_are_numbers,
    check_dtypes,
    check_load_order_is_irrelevant,
    check_other_seed_other_data,
    check_same_seed_same_data,
    check_shapes,
    check_splits_disjoint,
    check_splits_hold_problems,
    check_truth_inside_masks,
    check_truth_one_to_one,
    check_truth_optimal,
    check_unit,
)
from hnetzoo.testing.declarations import (
    check_builds,
    check_citation,
    check_defaults_exist,
    check_import_is_light,
    check_pretrained,
    check_rebuilt_from_settings,
    check_settings_class,
    check_settings_documented,
    check_settings_survive_json,
    check_summary,
)
from hnetzoo.testing.features import (
    check_features_count,
    check_features_masked,
    check_features_permuted,
    check_features_used,
)
from hnetzoo.testing.gradients import (
    check_device,
    check_distance_gradient,
    check_float64,
    check_gradients,
    check_masked_gradients,
    check_parameters,
    check_seeded_weights,
    check_state_dict,
)
from hnetzoo.testing.outcome import (
    Check,
    CheckFailure,
    CheckSkipped,
    Report,
    Result,
)
from hnetzoo.testing.parametrize import parametrize_with_checks
from hnetzoo.testing.problems import Problem
from hnetzoo.testing.runner import CHECKS, check
from hnetzoo.testing.trainers import (
    check_batch_not_mutated,
    check_loss_falls,
    check_losses_deterministic,
    check_losses_differentiable,
    check_losses_finite,
    check_losses_named,
    check_losses_respect_masks,
    check_model_learns,
    check_model_left_alone,
    check_optimization,
    check_reduction,
    check_resumes_exactly,
)

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailure",
    "CheckSkipped",
    "Problem",
    "Report",
    "Result",
    "check",
    "check_activity",
    "check_all_masked",
    "check_batch_independence",
    "check_batch_not_mutated",
    "check_batch_of_one",
    "check_builds",
    "check_citation",
    "check_column_equivariance",
    "check_defaults_exist",
    "check_deterministic",
    "check_device",
    "check_distance_gradient",
    "check_distances_are_numbers",
    "check_dtypes",
    "check_empty",
    "check_features_count",
    "check_features_masked",
    "check_features_permuted",
    "check_features_used",
    "check_float64",
    "check_gradients",
    "check_import_is_light",
    "check_input_not_mutated",
    "check_load_order_is_irrelevant",
    "check_loss_falls",
    "check_losses_deterministic",
    "check_losses_differentiable",
    "check_losses_finite",
    "check_losses_named",
    "check_losses_respect_masks",
    "check_masked_gradients",
    "check_masked_output_finite",
    "check_masks_default_to_true",
    "check_masks_respected",
    "check_model_learns",
    "check_model_left_alone",
    "check_one_by_one",
    "check_optimization",
    "check_other_seed_other_data",
    "check_output_dtype",
    "check_output_finite",
    "check_output_shape",
    "check_padding_invariance",
    "check_parameters",
    "check_pretrained",
    "check_rebuilt_from_settings",
    "check_rectangular",
    "check_reduction",
    "check_resumes_exactly",
    "check_row_equivariance",
    "check_same_seed_same_data",
    "check_seeded_weights",
    "check_settings_class",
    "check_settings_documented",
    "check_settings_survive_json",
    "check_shapes",
    "check_splits_disjoint",
    "check_splits_hold_problems",
    "check_state_dict",
    "check_summary",
    "check_truth_inside_masks",
    "check_truth_one_to_one",
    "check_truth_optimal",
    "check_unit",
    "parametrize_with_checks",
]

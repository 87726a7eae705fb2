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
    check_batch_independence,
    check_batch_of_one,
    check_column_equivariance,
    check_deterministic,
    check_empty,
    check_one_by_one,
    check_output_dtype,
    check_output_finite,
    check_output_shape,
    check_rectangular,
    check_row_equivariance,
)
from hnetzoo.testing.cards import check_card
from hnetzoo.testing.datasets import (
    check_activity,
    check_distances_are_numbers,
    check_dtypes,
    check_load_order_is_irrelevant,
    check_other_seed_other_data,
    check_same_in_another_process,
    check_same_seed_same_data,
    check_shapes,
    check_splits_hold_problems,
    check_truth_inside_masks,
    check_truth_one_to_one,
    check_truth_optimal,
    check_truth_possible,
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
from hnetzoo.testing.deployment import (
    check_copies,
    check_device,
    check_float64,
    check_inference_mode,
    check_state_dict,
    check_strided,
    check_threads,
)
from hnetzoo.testing.features import (
    check_features_count,
    check_features_masked,
    check_features_permuted,
    check_features_used,
)
from hnetzoo.testing.gradients import (
    check_all_masked_gradients,
    check_distance_gradient,
    check_forbidden_gradients,
    check_gradient_values,
    check_gradients,
    check_masked_gradients,
    check_parameters,
    check_seeded_weights,
)
from hnetzoo.testing.learning import (
    check_every_parameter_trained,
    check_loss_falls,
    check_model_learns,
    check_one_schedule,
    check_only_training_data,
    check_optimization,
    check_resumes_exactly,
    check_validation_not_learned,
)
from hnetzoo.testing.masks import (
    check_all_masked,
    check_forbidden_pairs,
    check_masked_output_finite,
    check_masks_default_to_true,
    check_masks_respected,
    check_padding_invariance,
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
from hnetzoo.testing.repetition import (
    check_problems_differ,
    check_splits_disjoint,
    check_truth_not_by_order,
)
from hnetzoo.testing.runner import CHECKS, check
from hnetzoo.testing.side_effects import (
    check_calls_independent,
    check_eval_keeps_state,
    check_input_not_mutated,
    check_process_left_alone,
)
from hnetzoo.testing.sizes import (
    check_large_problems,
)
from hnetzoo.testing.trainers import (
    check_batch_not_mutated,
    check_losses_deterministic,
    check_losses_differentiable,
    check_losses_finite,
    check_losses_named,
    check_losses_of_all_pairs,
    check_losses_respect_masks,
    check_losses_same_terms,
    check_losses_use_every_problem,
    check_losses_without_a_weight,
    check_model_left_alone,
    check_reduction,
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
    "check_all_masked_gradients",
    "check_batch_independence",
    "check_batch_not_mutated",
    "check_batch_of_one",
    "check_builds",
    "check_calls_independent",
    "check_card",
    "check_citation",
    "check_column_equivariance",
    "check_copies",
    "check_defaults_exist",
    "check_deterministic",
    "check_device",
    "check_distance_gradient",
    "check_distances_are_numbers",
    "check_dtypes",
    "check_empty",
    "check_eval_keeps_state",
    "check_every_parameter_trained",
    "check_features_count",
    "check_features_masked",
    "check_features_permuted",
    "check_features_used",
    "check_float64",
    "check_forbidden_gradients",
    "check_forbidden_pairs",
    "check_gradient_values",
    "check_gradients",
    "check_import_is_light",
    "check_inference_mode",
    "check_input_not_mutated",
    "check_large_problems",
    "check_load_order_is_irrelevant",
    "check_loss_falls",
    "check_losses_deterministic",
    "check_losses_differentiable",
    "check_losses_finite",
    "check_losses_named",
    "check_losses_of_all_pairs",
    "check_losses_respect_masks",
    "check_losses_same_terms",
    "check_losses_use_every_problem",
    "check_losses_without_a_weight",
    "check_masked_gradients",
    "check_masked_output_finite",
    "check_masks_default_to_true",
    "check_masks_respected",
    "check_model_learns",
    "check_model_left_alone",
    "check_one_by_one",
    "check_one_schedule",
    "check_only_training_data",
    "check_optimization",
    "check_other_seed_other_data",
    "check_output_dtype",
    "check_output_finite",
    "check_output_shape",
    "check_padding_invariance",
    "check_parameters",
    "check_pretrained",
    "check_problems_differ",
    "check_process_left_alone",
    "check_rebuilt_from_settings",
    "check_rectangular",
    "check_reduction",
    "check_resumes_exactly",
    "check_row_equivariance",
    "check_same_in_another_process",
    "check_same_seed_same_data",
    "check_seeded_weights",
    "check_settings_class",
    "check_settings_documented",
    "check_settings_survive_json",
    "check_shapes",
    "check_splits_disjoint",
    "check_splits_hold_problems",
    "check_state_dict",
    "check_strided",
    "check_summary",
    "check_threads",
    "check_truth_inside_masks",
    "check_truth_not_by_order",
    "check_truth_one_to_one",
    "check_truth_optimal",
    "check_truth_possible",
    "check_unit",
    "check_validation_not_learned",
    "parametrize_with_checks",
]

/**
 * Scores answers with Baichuan-13B reward models.
 *
 * <p>{@link io.github.baichuanreward.RewardModel} is the only class that most users import.
 */
@NullMarked
package io.github.baichuanreward;

import org.jspecify.annotations.NullMarked;

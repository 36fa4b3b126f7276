package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.PromptAnswer;
import io.github.baichuanreward.Score;
import java.util.List;
import org.junit.jupiter.api.Test;

class RewardTableTest {

    private static final List<PromptAnswer> ITEMS =
            List.of(
                    new PromptAnswer("猫为什么喜欢睡觉？", "因为它们是天生的猎手，\n睡觉可以节省体力。"),
                    new PromptAnswer("猫为什么喜欢睡觉？", "不知道"),
                    new PromptAnswer("What is the sun?", ""));

    private static final List<Score> SCORES =
            List.of(
                    new Score(1.714698f, 9, false),
                    new Score(-12.5f, 4, false),
                    new Score(0.00004f, 1, false));

    @Test
    void groupsAnswersUnderTheirPromptAndAlignsRewards() {
        assertThat(RewardTable.of(ITEMS, SCORES, 0))
                .isEqualTo(
                        """
                        猫为什么喜欢睡觉？
                            1.7147  因为它们是天生的猎手， 睡觉可以节省体力。
                          -12.5000  不知道

                        What is the sun?
                            0.0000
                        """);
    }

    @Test
    void cutsLinesToTheTerminal() {
        assertThat(RewardTable.of(ITEMS, SCORES, 30).lines())
                .allSatisfy(line -> assertThat(DisplayWidth.of(line)).isLessThanOrEqualTo(30))
                .contains("    1.7147  因为它们是天生的…");
    }
}

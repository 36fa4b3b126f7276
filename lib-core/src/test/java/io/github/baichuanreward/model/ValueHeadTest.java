package io.github.baichuanreward.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.baichuanreward.TestData;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ValueHeadTest {

    private static final double BOUND = 1 / Math.sqrt(5120);

    @Test
    void knowsMeanAndDeviation() {
        ValueHead head = head(new float[] {1, 2, 3, 6}, 0);

        assertThat(head.mean()).isEqualTo(3);
        assertThat(head.standardDeviation()).isCloseTo(Math.sqrt(3.5), within(1e-12));
    }

    @Test
    void seesThatALinearLayerIsAsItWasDrawn() {
        for (int seed = 0; seed < 50; seed++) {
            assertThat(head(uniform(seed), (float) BOUND).looksUntrained()).isTrue();
        }
        assertThat(head(new float[5120], 0).looksUntrained()).isTrue();
    }

    @Test
    void seesThatSomeTrainingMovedIt() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(100 + seed);
            float[] weight = uniform(seed);
            for (int i = 0; i < weight.length; i++) {
                weight[i] += (float) (0.02 * BOUND * random.nextGaussian());
            }
            assertThat(head(weight, 0).looksUntrained()).isFalse();
        }
    }

    @Test
    void seesThatOtherSpreadsAreNotADraw() {
        Random random = new Random(1);
        float[] narrow = new float[5120];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) (BOUND / 4 * random.nextGaussian());
        }
        assertThat(head(narrow, 0).looksUntrained()).isFalse();
        assertThat(head(uniform(1), 0.5f).looksUntrained()).isFalse();
    }

    @Test
    void seesThatTheDemoModelsHeadWasTrained() throws IOException {
        BaichuanWeights demo = BaichuanWeights.open(TestData.demoModel().resolve("model"));

        assertThat(demo.valueHead().looksUntrained()).isFalse();
    }

    private static float[] uniform(int seed) {
        Random random = new Random(seed);
        float[] weight = new float[5120];
        for (int i = 0; i < weight.length; i++) {
            weight[i] = (float) ((2 * random.nextDouble() - 1) * BOUND);
        }
        return weight;
    }

    private static ValueHead head(float[] weight, float bias) {
        return new ValueHead(weight, bias, "test");
    }
}

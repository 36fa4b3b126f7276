package io.github.baichuanreward.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.Golden;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterOptionTest {

    @ParameterizedTest
    @ValueSource(strings = {"tiny-a-lora", "tiny-b-lora"})
    void scoresWithAnAdapter(String name) throws IOException {
        Golden golden = Golden.read(name);
        Golden.Case single = golden.cases().get(3);
        String row = "{\"input_ids\": " + Arrays.toString(single.ids()) + "}\n";
        CommandLineRun run =
                CommandLineRun.withInput(
                        row,
                        "score",
                        "--model",
                        golden.model().toString(),
                        "--adapter",
                        golden.adapters().get(0).toString(),
                        "--input",
                        "-",
                        "--quiet");

        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        double reward = new ObjectMapper().readTree(run.out()).get("reward").asDouble();
        assertThat(reward).isCloseTo(single.reward(), within(Golden.FLOAT32_REWARD));
    }

    @Test
    void namesAnAdapterThatIsNotThere() {
        String model = Golden.read("tiny-a").model().toString();
        CommandLineRun run =
                CommandLineRun.withInput(
                        "", "score", "--model", model, "--adapter", "nowhere", "--input", "-");

        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .isEqualTo(
                        "reward: nowhere: no such directory; give the one that holds"
                                + " adapter_config.json\n");
    }
}

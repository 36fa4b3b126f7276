package io.github.baichuanreward.cuda;

import io.github.baichuanreward.cuda.ScaleMachines.Kind;
import io.github.baichuanreward.cuda.ScaleMachines.Machine;
import io.github.baichuanreward.cuda.ScaleSimulation.Result;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The README's table of what {@link ScaleSimulation} says. */
final class ScaleTable {

    private static final int PAIRS = 10_000;
    private static final long SEED = 13;

    private static final List<Row> ROWS =
            List.of(
                    new Row(1, new Machine(Kind.H200_141, 1, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.A100_80, 8, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.A100_40, 8, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.RTX_4090, 2, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.RTX_4090, 1, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.RTX_4090, 1, WeightForm.INT8), PAIRS),
                    new Row(1, new Machine(Kind.RTX_3090, 2, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.RTX_3090, 1, WeightForm.HALF), PAIRS),
                    new Row(1, new Machine(Kind.RTX_3090, 1, WeightForm.INT8), PAIRS),
                    new Row(64, new Machine(Kind.A100_80, 8, WeightForm.HALF), PAIRS),
                    new Row(64, new Machine(Kind.A100_80, 8, WeightForm.HALF), 64 * 2000));

    private ScaleTable() {}

    /** So many machines that are alike, each with an equal part of a list of so many pairs. */
    private record Row(int machines, Machine machine, int pairs) {

        String line() {
            List<Integer> all = ScaleMachines.lengths(pairs, SEED);
            long tokens = 0;
            long busy = 0;
            long slowest = 0;
            long sum = 0;
            int devices = 0;
            for (int n = 0; n < machines; n++) {
                int first = (int) ((long) pairs * n / machines);
                int end = (int) ((long) pairs * (n + 1) / machines);
                List<Integer> part = all.subList(first, end);
                Result result = machine.run(part, ScaleMachines.LINK);
                tokens += part.stream().mapToLong(Integer::longValue).sum();
                busy += result.busyNanos();
                slowest = Math.max(slowest, result.nanos());
                sum += result.nanos();
                devices += result.devices();
            }
            double seconds = slowest / 1e9;
            double behind = 100.0 * slowest * machines / sum - 100;
            return String.format(
                    Locale.ROOT,
                    "| %s%d × %s%s | %s | %,d%s | %s | %s | %.0f %% |",
                    machines == 1 ? "" : machines + " times ",
                    machine.gpus(),
                    machine.kind().name(),
                    machine.form() == WeightForm.INT8 ? ", int8" : "",
                    copies(machine.plan()),
                    pairs,
                    machines == 1 ? "" : String.format(Locale.ROOT, "; slowest +%.0f %%", behind),
                    rounded(tokens / seconds),
                    rounded(pairs / seconds),
                    100.0 * busy / devices / slowest);
        }
    }

    private static String copies(LayerPlan plan) {
        LayerPlan.Copy copy = plan.copies().get(0);
        int offloaded = copy.shards().get(0).offloaded();
        String layers =
                copy.shards().size() == 1
                        ? ""
                        : copy.shards().stream()
                                .map(shard -> "" + shard.layers())
                                .collect(Collectors.joining(" + ", ", layers ", ""));
        return (plan.copies().size() == 1 ? "one copy" : plan.copies().size() + " copies")
                + layers
                + (offloaded == 0 ? "" : ", %d layers offloaded".formatted(offloaded));
    }

    /** Two digits: more would promise too much. */
    private static String rounded(double value) {
        BigDecimal two = new BigDecimal(value).round(new MathContext(2, RoundingMode.HALF_UP));
        return String.format(Locale.ROOT, two.scale() > 0 ? "%,.1f" : "%,.0f", two);
    }

    /** In Markdown. */
    static String markdown() {
        List<String> lines = new ArrayList<>();
        lines.add("| GPUs | plan | pairs | tokens/s | pairs/s | busy |");
        lines.add("|---|---|---|---|---|---|");
        ROWS.forEach(row -> lines.add(row.line()));
        return String.join("\n", lines) + "\n";
    }
}

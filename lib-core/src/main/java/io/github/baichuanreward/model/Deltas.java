package io.github.baichuanreward.model;

import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.checkpoint.LoraCheckpoint;
import io.github.baichuanreward.checkpoint.LoraCheckpoint.Delta;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * What some adapters add to the projections of one model, handed out by module name; afterwards
 * says what of them found no place.
 */
final class Deltas {

    /** Adapters may train it, but a reward does not need it. */
    private static final String LM_HEAD = "lm_head";

    private final List<LoraCheckpoint> adapters;
    private final Set<String> taken = new HashSet<>();
    private final List<String> problems = new ArrayList<>();

    private Deltas(List<LoraCheckpoint> adapters) {
        this.adapters = adapters;
    }

    static Deltas open(List<Path> directories) throws CheckpointException {
        List<LoraCheckpoint> adapters = new ArrayList<>();
        for (Path directory : directories) {
            adapters.add(LoraCheckpoint.open(directory));
        }
        return new Deltas(adapters);
    }

    /** What is added to the weight {@code [out, in]} of a module, in the order of the adapters. */
    List<Delta> take(String module, long out, long in) {
        taken.add(module);
        List<Delta> found = new ArrayList<>();
        for (LoraCheckpoint adapter : adapters) {
            Delta delta = adapter.deltas().get(module);
            if (delta != null) {
                found.add(delta);
                if (delta.a().shape()[1] != in || delta.b().shape()[0] != out) {
                    problems.add(
                            "%s: %s is made for a weight [%d, %d], the model's is %s"
                                    .formatted(
                                            adapter.path(),
                                            module,
                                            delta.b().shape()[0],
                                            delta.a().shape()[1],
                                            Arrays.toString(new long[] {out, in})));
                }
            }
        }
        return List.copyOf(found);
    }

    /**
     * Checks that nothing of an adapter was left out.
     *
     * @throws CheckpointException if a delta has the shape of another model, belongs to a module
     *     that this model does not have, or if an adapter that means every layer lacks some
     */
    void requireAllUsed(BaichuanConfig config) throws CheckpointException {
        for (LoraCheckpoint adapter : adapters) {
            Set<String> kinds = new TreeSet<>();
            for (String module : adapter.deltas().keySet()) {
                if (taken.contains(module)) {
                    kinds.add(module.replaceFirst("^model\\.layers\\.\\d+\\.", ""));
                } else if (!module.equals(LM_HEAD)) {
                    problems.add(
                            "%s: adapts %s, which is none of this model's projections"
                                    .formatted(adapter.path(), module));
                }
            }
            requireEveryLayer(adapter, kinds, config.layers());
        }
        if (!problems.isEmpty()) {
            int listed = Math.min(problems.size(), 10);
            int more = problems.size() - listed;
            throw new CheckpointException(
                    String.join("; ", problems.subList(0, listed))
                            + (more > 0 ? "; and " + more + " more" : ""));
        }
    }

    private void requireEveryLayer(LoraCheckpoint adapter, Set<String> kinds, int layers) {
        for (String kind : kinds) {
            for (int n = 0; adapter.everyLayer() && n < layers; n++) {
                String module = "model.layers." + n + "." + kind;
                if (!adapter.deltas().containsKey(module)) {
                    problems.add(
                            "%s: adapts %s in other layers but not %s; the file is not complete"
                                    .formatted(adapter.path(), kind, module));
                }
            }
        }
    }
}

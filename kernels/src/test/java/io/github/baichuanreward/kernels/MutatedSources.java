package io.github.baichuanreward.kernels;

import io.github.baichuanreward.kernels.Mutants.Place;
import io.github.baichuanreward.kernels.Mutants.Rewritten;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** All CUDA sources, rewritten into target/mutants/src, and what of them can be left out. */
final class MutatedSources {

    private static final Path EQUIVALENT = Sources.TEST_CPP.resolve("equivalent_mutants.txt");

    private MutatedSources() {}

    /** Writes all sources, and returns their places, whose numbers begin with 1. */
    static List<Place> write() throws IOException {
        Path folder = Sources.TARGET.resolve("mutants/src");
        Files.createDirectories(folder);
        for (String name : Sources.names(folder, "")) {
            if (!Files.exists(Sources.CUDA.resolve(name))) {
                Files.delete(folder.resolve(name));
            }
        }
        List<Place> places = new ArrayList<>();
        for (String name : Sources.names(Sources.CUDA, "")) {
            String text = Files.readString(Sources.CUDA.resolve(name));
            if (!name.endsWith(".h")) {
                Rewritten rewritten = Mutants.rewrite(name, text, places.size() + 1);
                places.addAll(rewritten.places());
                text = rewritten.text();
            }
            Path target = folder.resolve(name);
            // What has not changed keeps its time, so that make has nothing to do.
            if (!Files.exists(target) || !Files.readString(target).equals(text)) {
                Files.writeString(target, text);
            }
        }
        return places;
    }

    /**
     * Reads which places change nothing when they are left out.
     *
     * @return by {@link Place#name}, the reason; a line that names none of the places, by itself
     */
    static Map<String, String> equivalent(List<Place> places) throws IOException {
        Map<String, String> reasons = new LinkedHashMap<>();
        for (String line : Files.readAllLines(EQUIVALENT)) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String name =
                        places.stream()
                                .map(Place::name)
                                .filter(candidate -> line.startsWith(candidate + ": "))
                                .findFirst()
                                .orElse(line);
                reasons.put(name, line.substring(name.length()).replaceFirst("^: ", ""));
            }
        }
        return reasons;
    }
}

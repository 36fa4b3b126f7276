package io.github.baichuanreward.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where cuBLAS is looked for. Looks at folders, and loads nothing. */
final class CublasPlaces {

    /** CUDA's major versions whose cuBLAS can be used, the one that is preferred first. */
    static final List<Integer> MAJORS = List.of(12, 13);

    /**
     * A library.
     *
     * @param file it
     * @param major version of its CUDA
     */
    record Found(Path file, int major) {

        /** What it calls for beside it. */
        Path light() {
            return file.resolveSibling("libcublasLt.so." + major);
        }
    }

    /** Folders of which none is preferred to another: there 12 comes before 13. */
    private record Place(String name, List<Path> folders) {}

    private final @Nullable Path folder;
    private final List<Place> places;

    private CublasPlaces(@Nullable Path folder, List<Place> places) {
        this.folder = folder;
        this.places = places;
    }

    /** A folder, and nowhere else. */
    static CublasPlaces only(Path folder) {
        List<Path> folders = new ArrayList<>();
        folders.add(folder);
        folders.add(folder.resolve("lib"));
        folders.add(folder.resolve("lib64"));
        matching(folder, "*").forEach(inside -> folders.add(inside.resolve("lib")));
        return new CublasPlaces(folder, List.of(new Place(folder.toString(), folders)));
    }

    /** What the dynamic loader finds, then where CUDA and Python's packages usually are. */
    static CublasPlaces usual() {
        return usual(System.getenv(), Path.of("/"));
    }

    /** The same with another environment and another root of the file system. */
    static CublasPlaces usual(Map<String, String> environment, Path root) {
        List<Place> places = new ArrayList<>();
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            Path prefix = prefix(environment, variable);
            places.add(place(variable, prefix, prefix == null ? List.of() : ofPython(prefix)));
        }
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            Path prefix = prefix(environment, variable);
            places.add(place(variable, prefix, prefix == null ? List.of() : ofToolkit(prefix)));
        }
        Path local = root.resolve("usr/local");
        List<Path> toolkits = new ArrayList<>();
        toolkits.add(local.resolve("cuda"));
        matching(local, "cuda-*").stream()
                .sorted(Comparator.comparing(CublasPlaces::version, Arrays::compare).reversed())
                .forEach(toolkits::add);
        toolkits.add(root.resolve("opt/cuda"));
        for (Path toolkit : toolkits) {
            places.add(new Place(toolkit.toString(), ofToolkit(toolkit)));
        }
        return new CublasPlaces(null, places);
    }

    /** The one folder that is looked at; null for the usual places. */
    @Nullable Path folder() {
        return folder;
    }

    /** The libraries that are there, those to be tried first in front. */
    List<Found> found() {
        List<Found> found = new ArrayList<>();
        for (Place place : places) {
            for (int major : MAJORS) {
                for (Path folder : place.folders()) {
                    Path file = folder.resolve(library(major));
                    if (Files.exists(file)) {
                        found.add(new Found(file.toAbsolutePath(), major));
                    }
                }
            }
        }
        return found;
    }

    /** Names of the places, for people. */
    String names() {
        return String.join(", ", places.stream().map(Place::name).toList());
    }

    /** The name by which programs call for cuBLAS. */
    static String library(int major) {
        return "libcublas.so." + major;
    }

    private static @Nullable Path prefix(Map<String, String> environment, String variable) {
        String value = environment.getOrDefault(variable, "");
        return value.isEmpty() ? null : Path.of(value);
    }

    private static Place place(String variable, @Nullable Path prefix, List<Path> folders) {
        return new Place(variable + (prefix == null ? " (not set)" : "=" + prefix), folders);
    }

    /** Folders of NVIDIA's wheels, and of Conda's packages. */
    private static List<Path> ofPython(Path prefix) {
        List<Path> folders = new ArrayList<>();
        for (Path python : matching(prefix.resolve("lib"), "python3*")) {
            matching(python.resolve("site-packages/nvidia"), "*")
                    .forEach(wheel -> folders.add(wheel.resolve("lib")));
        }
        folders.add(prefix.resolve("lib"));
        return folders;
    }

    private static List<Path> ofToolkit(Path toolkit) {
        return List.of(toolkit.resolve("lib64"), toolkit.resolve("targets/x86_64-linux/lib"));
    }

    /** Folders in a folder, by name; none where it cannot be read. */
    private static List<Path> matching(Path folder, String pattern) {
        List<Path> matching = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, pattern)) {
                entries.forEach(matching::add);
            } catch (IOException | UncheckedIOException | DirectoryIteratorException e) {
                return List.of();
            }
        }
        matching.sort(Comparator.naturalOrder());
        return matching;
    }

    /** The numbers in a folder's name: 12.10 comes behind 12.9. */
    private static int[] version(Path toolkit) {
        return Arrays.stream(String.valueOf(toolkit.getFileName()).split("\\D+"))
                .filter(number -> !number.isEmpty() && number.length() < 9)
                .mapToInt(Integer::parseInt)
                .toArray();
    }
}

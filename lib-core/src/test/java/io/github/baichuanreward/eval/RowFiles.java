package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Files of rows for tests, and the comparisons that are read from them. */
final class RowFiles {

    private RowFiles() {}

    /** Writes the elements of a JSON array as the kind of file that the name asks for. */
    static Path write(Path file, String rows) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (RowWriter writer = new RowWriter(bytes, RowFormat.of(file.toString()))) {
            for (JsonNode row : new ObjectMapper().readTree(rows)) {
                Map<String, String> fields = new LinkedHashMap<>();
                row.properties()
                        .forEach(field -> fields.put(field.getKey(), field.getValue().toString()));
                writer.write(JsonRow.empty(), fields);
            }
        }
        return Files.write(file, bytes.toByteArray());
    }

    /** All comparisons of a dataset. */
    static List<Comparison> read(ComparisonDataset dataset, DatasetOptions options)
            throws IOException {
        List<Comparison> comparisons = new ArrayList<>();
        try (ComparisonReader reader = dataset.open(options)) {
            reader.forEachRemaining(comparisons::add);
        }
        return comparisons;
    }

    /** All comparisons of a file. */
    static List<Comparison> read(Path file) throws IOException {
        return read(ComparisonDataset.of(file), DatasetOptions.defaults());
    }
}

package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads from a row's fields what comparisons are made of, and says what is there instead. */
final class Fields {

    /** Characters of a text that a message repeats. */
    private static final int SHOWN = 40;

    private Fields() {}

    /** The text of a field that a row need not have; empty where it has none. */
    static String textOrEmpty(Row row, @Nullable String name) throws RowException {
        return name == null || !row.has(name) || row.isNull(name) ? "" : row.string(name);
    }

    /** The answer that is the text of a field. */
    static String answer(Row row, String name) throws RowException {
        return answer(row, JsonRow.quote(name), row.string(name));
    }

    private static String answer(Row row, String place, String text) throws RowException {
        if (text.isEmpty()) {
            throw bad(row, place + " is empty; an answer needs text");
        }
        return text;
    }

    /** The answers in a field, the best first. */
    static List<String> answers(Row row, String name) throws RowException {
        JsonNode array = row.json(name);
        String place = JsonRow.quote(name);
        if (!array.isArray()) {
            throw bad(
                    row,
                    "%s must be a JSON array of answers, the best first, but is %s"
                            .formatted(place, JsonRow.kind(array)));
        }
        if (array.size() < 2) {
            throw bad(
                    row,
                    "%s holds %s; a comparison needs two or more, the best first"
                            .formatted(place, array.isEmpty() ? "no answer" : "one answer"));
        }
        List<String> answers = new ArrayList<>(array.size());
        for (JsonNode answer : array) {
            String at = place + "[" + answers.size() + "]";
            answers.add(answer(row, at, string(row, at, answer)));
        }
        return answers;
    }

    /** The text that {@code json} is. */
    static String string(Row row, String place, JsonNode json) throws RowException {
        if (!json.isTextual()) {
            throw bad(row, place + " must be a string, but is " + JsonRow.kind(json));
        }
        return json.textValue();
    }

    /** The margin of a row, or null where it has none. */
    static @Nullable Double margin(Row row) throws RowException {
        if (!row.has("margin")) {
            return null;
        }
        JsonNode json = row.json("margin");
        if (json.isNull() || (json.isTextual() && json.textValue().isBlank())) {
            return null;
        }
        double margin = json.isNumber() ? json.doubleValue() : number(json);
        if (!Double.isFinite(margin)) {
            throw bad(row, "\"margin\" must be a finite number, but is " + shown(json));
        }
        return margin;
    }

    private static String shown(JsonNode json) {
        if (!json.isTextual()) {
            return json.isNumber() ? "too large" : JsonRow.kind(json);
        }
        return shown(json.textValue());
    }

    /** A text from a file, fit for a message. */
    static String shown(String text) {
        return JsonRow.quote(text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text);
    }

    /** In a table every number is a text. */
    private static double number(JsonNode json) {
        try {
            return json.isTextual() ? Double.parseDouble(json.textValue().strip()) : Double.NaN;
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    /** The text or the number that names a row's subset. */
    static String subset(Row row, String name) throws RowException {
        JsonNode json = row.json(name);
        if (json.isNumber()) {
            return json.asText();
        }
        if (json.isNull() || json.isBoolean()) {
            throw bad(
                    row,
                    "%s must be a string or a number, but is %s"
                            .formatted(JsonRow.quote(name), JsonRow.kind(json)));
        }
        String subset = row.string(name);
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(subset)) {
            throw bad(row, JsonRow.quote(name) + " holds half a character; mend the text");
        }
        return subset;
    }

    static RowException bad(Row row, String reason) {
        return new RowException(row.line(), reason);
    }
}

package io.github.baichuanreward.rows;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.PromptAnswer;
import java.util.List;
import java.util.Map;

/**
 * One row of an input file, whatever kind of file that is: fields with names, and a place.
 *
 * <p>It can be written as JSON and as cells, so that every kind of file can become every other.
 */
public sealed interface Row permits JsonRow, CellRow {

    /** Line of the file where this row begins, from 1. */
    long line();

    /** Characters of the row, as a measure of the memory that it takes. */
    int length();

    /** True if there is a field {@code name}, whatever it holds. */
    boolean has(String name);

    /** True if field {@code name} is there but holds nothing: null, or an empty cell for JSON. */
    boolean isNull(String name);

    /**
     * The text in field {@code name}.
     *
     * @throws RowException if there is no such field, or it holds anything but text
     */
    String string(String name) throws RowException;

    /**
     * The token ids in field {@code name}.
     *
     * @throws RowException if there is no such field, or it holds anything but ids
     */
    int[] ids(String name) throws RowException;

    /**
     * What is in field {@code name}. A cell of a table holds the array or the object that its text
     * is in JSON, or else the text.
     *
     * @throws RowException if there is no such field
     */
    JsonNode json(String name) throws RowException;

    /**
     * The turns in field {@code name}, oldest first; none where there is no such field, or it holds
     * nothing.
     *
     * @throws RowException if it holds anything but an array of [prompt, answer] pairs
     */
    List<PromptAnswer.Turn> history(String name) throws RowException;

    /**
     * The prompt, the answer and, where there is a field {@code history}, the turns before them.
     *
     * @throws RowException if {@code prompt} or {@code answer} is missing or not a text, or {@code
     *     history} not an array of [prompt, answer] pairs
     */
    PromptAnswer promptAnswer() throws RowException;

    /**
     * This row as JSON on one line, with some fields replaced where they are, or added behind the
     * others.
     *
     * @param values JSON values by name, in the order in which new ones are added
     */
    String with(Map<String, String> values);

    /**
     * The texts that stand in the cells of a table for this row, by column, in order: strings as
     * they are, null as nothing, everything else as its JSON text.
     */
    Map<String, String> cells();

    /** Says that this row has none of the fields that a command looks for. */
    RowException needs(String fields);
}

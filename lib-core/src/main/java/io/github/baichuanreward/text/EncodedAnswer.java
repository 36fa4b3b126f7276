package io.github.baichuanreward.text;

/**
 * One prompt with its answer, as the token ids that a model scores.
 *
 * @param ids the ids of the prompt, of the answer, and one final eos; the array itself, not a copy:
 *     it belongs to whoever asked for it
 * @param promptTokens how many of the first ids belong to the prompt alone; 0 where the template
 *     encodes prompt and answer as one string, for then no id is known to belong to the prompt
 * @param truncated whether ids of the prompt or of the answer were cut off to keep a limit
 */
@SuppressWarnings("ArrayRecordComponent") // a sequence of ids is an int[] everywhere
public record EncodedAnswer(int[] ids, int promptTokens, boolean truncated) {}

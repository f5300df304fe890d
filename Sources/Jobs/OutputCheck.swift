import LayerFiles

/// Finds out before the input is read whether the output can be written.
public enum OutputCheck {
  /// - Throws: `StreamError` if the output is the input, exists and may not be replaced, or has no folder to lie in.
  public static func check(_ path: String, job: Job) throws(StreamError) {
    if FileStatus(path: job.input) == nil { throw .noSuchInput(path: job.input) }
    try OutputFile.check(path: path, input: job.input, replaces: job.replacesOutput)
  }
}

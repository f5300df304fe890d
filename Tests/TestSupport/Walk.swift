import Foundation

/// How far tests walk that stop a run at one of its calls after the other.
public enum Walk {
  /// True if they are to stop it at each or nearly each, as `tools/test-walks` asks for; it takes some minutes. Else a few are enough.
  public static let isWhole = ProcessInfo.processInfo.environment["BN_STREAM_WALKS"] == "whole"

  /// The numbers of the calls to stop at.
  /// - Parameters:
  ///   - count: How many calls there are.
  ///   - step: How many to go on by.
  ///   - wholeStep: How many to go on by in a whole walk.
  ///   - offset: Tests that walk the same way begin at different calls.
  public static func places(of count: Int, step: Int, wholeStep: Int = 1, offset: Int) -> [Int] {
    let step = isWhole ? wholeStep : step
    return Array(stride(from: offset % step, to: count, by: step))
  }
}

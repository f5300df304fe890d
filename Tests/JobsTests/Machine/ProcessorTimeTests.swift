import Foundation
import Testing

@testable import Jobs

/// The processors' time of a run, beside what the C library counts for the process.
@Suite(.timeLimit(.minutes(30))) struct ProcessorTimeTests {
  /// Seconds that processors worked for this process, all tests together.
  private static var seconds: Double { Double(clock()) / 1e6 }

  /// Not in whole seconds.
  @Test func isThatOfTheProcess() {
    let before = Self.seconds
    let start = RunStart()
    let inner = Self.seconds
    var number = 1.0
    while Self.seconds - inner < 0.3 { number = (number + 2).squareRoot() }
    let least = Self.seconds - inner
    let found = start.elapsed.processorSeconds
    let most = Self.seconds - before
    // The two count with other clocks, of which the coarser one may tick a hundred times in a second.
    #expect(found >= least - 0.05 && found <= most + 0.05, "\(least), \(found), \(most), \(number)")
  }
}

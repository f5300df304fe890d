import LayerFiles
import Testing

@testable import Jobs

/// What was met in the features of a slice, as a record keeps it for a run that goes on.
@Suite(.timeLimit(.minutes(30))) struct FeatureEventsTests {
  /// A feature for each of the eight combinations of what is true of it, one after the other.
  private static let combinations = (0..<8).map { bits in
    FeatureEvents(
      hasZeroVariance: bits & 1 != 0, varianceOverflows: bits & 2 != 0, gradientOverflows: bits & 4 != 0)
  }

  private func restored(_ events: [FeatureEvents]) throws -> [FeatureEvents] {
    var writer = RecordWriter()
    FeatureEvents.append(events, to: &writer)
    var reader = RecordReader(writer.bytes)
    let restored = try FeatureEvents.read(events.count, from: &reader)
    #expect(reader.isAtEnd)
    return restored
  }

  private func numbers(_ events: [FeatureEvents]) -> [[Int]] {
    events.map {
      [
        $0.nonfinite, $0.harmless, $0.hasZeroVariance ? 1 : 0, $0.varianceOverflows ? 1 : 0,
        $0.gradientOverflows ? 1 : 0,
      ]
    }
  }

  /// Each flag by itself and beside the others, with and without counts.
  @Test(arguments: [[], [2, 5], [0, 7], [0, 1, 2, 3, 4, 5, 6, 7]])
  func comeBackAsTheyWere(counted: [Int]) throws {
    var events = Self.combinations
    for feature in counted {
      (events[feature].nonfinite, events[feature].harmless) = (3 + feature, 1 + feature)
    }
    #expect(numbers(try restored(events)) == numbers(events))
  }

  /// Where nothing was met hardly anything is written.
  @Test func nothingComesBackAsNothing() throws {
    let events = [FeatureEvents](repeating: FeatureEvents(), count: 9)
    #expect(numbers(try restored(events)) == numbers(events))
  }
}

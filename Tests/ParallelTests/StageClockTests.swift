import Foundation
import Parallel
import Testing

/// Each stage's time is its own.
@Suite(.timeLimit(.minutes(30))) struct StageClockTests {
  private static func times(_ times: StageTimes) -> [Double?] {
    [times.read, times.decode, times.compute, times.encode, times.write, times.wait]
  }

  @Test func everyStageTakesItsOwnTime() {
    for stage in StageClock.Stage.allCases {
      let clock = StageClock()
      let begin = ContinuousClock.now
      for _ in 0..<2 { clock.measure(stage) { Thread.sleep(forTimeInterval: 0.01) } }
      let (whole, rest) = begin.duration(to: .now).components
      let most = Double(whole) + Double(rest) / 1e18
      let times = Self.times(clock.times)
      #expect(times.count == StageClock.Stage.allCases.count)
      for (other, seconds) in zip(StageClock.Stage.allCases, times) {
        let seconds = seconds ?? -1
        #expect(other == stage ? (0.02...most).contains(seconds) : seconds == 0, "\(stage): \(other)")
      }
    }
  }

  @Test func aStageThatFailsTookItsTime() {
    struct Failure: Error {}
    let clock = StageClock()
    #expect(throws: Failure.self) {
      try clock.measure(.write) {
        Thread.sleep(forTimeInterval: 0.01)
        throw Failure()
      }
    }
    #expect((clock.times.write ?? 0) >= 0.01)
  }

  @Test func bytesAreCountedApart() {
    let clock = StageClock()
    for count in [3, 4] { clock.addBytesRead(count) }
    clock.addBytesWritten(50)
    #expect(clock.bytesRead == 7 && clock.bytesWritten == 50)
  }
}

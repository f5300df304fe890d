import Arithmetic
import Testing

/// Loads and stores of eight numbers and of the first few of eight.
@Suite(.timeLimit(.minutes(30))) struct ElementTests {
  @Test(arguments: 1...8) func partialLoadsRepeatTheFirstNumber(count: Int) {
    checkLoad(Float.self, count)
    checkLoad(Double.self, count)
  }

  private func checkLoad<E: Element>(_: E.Type, _ count: Int) {
    // One number more before and exactly `count` behind: a load beyond would be seen by the address sanitizer.
    let numbers = (0...count).map { E(1 + $0) }
    numbers.withUnsafeBufferPointer { buffer in
      let lanes = E.load(buffer.baseAddress.unsafelyUnwrapped + 1, count: count)
      for lane in 0..<8 { #expect(lanes[lane] == (lane < count ? Double(lane + 2) : 2)) }
    }
  }

  @Test(arguments: 1...8) func partialStoresLeaveTheRest(count: Int) {
    checkStore(Float.self, count)
    checkStore(Double.self, count)
  }

  private func checkStore<E: Element>(_: E.Type, _ count: Int) {
    var target = [E](repeating: -1, count: 10)
    let value = Lanes(1, 2, 3, 4, 5, 6, 7, 8)
    let canary = target.withUnsafeMutableBufferPointer {
      E.store(
        value, to: $0.baseAddress.unsafelyUnwrapped + 1, count: count, canary: SIMD8<E>(repeating: 0))
    }
    #expect(canary == .zero)
    for index in 0..<10 {
      #expect(target[index] == ((1...count).contains(index) ? E(index) : -1))
    }
  }

  /// A Double that no Float is near to is rounded to nearest, ties to even.
  @Test func floatsAreRoundedToNearest() {
    let values: [Double] = [0.1, -1 / 3.0, 1 + 0x1p-24, 1 + 0x1.8p-23, 16_777_217, 1e-45, 1e-46, -0.0]
    var target = [Float](repeating: 9, count: 8)
    _ = Float.store(Lanes(values), to: &target, canary: .zero)
    for (stored, value) in zip(target, values) { #expect(stored.bitPattern == Float(value).bitPattern) }
  }

  /// Every lane that is written counts, no other.
  @Test(arguments: [Double.infinity, -.infinity, .nan]) func canaryTellsWhatIsNotFinite(bad: Double) {
    for lane in 0..<8 {
      var value = Lanes(repeating: 1)
      value[lane] = bad
      for count in 1...8 {
        #expect(isFinite(Float.self, value, count) == (lane >= count), "lane \(lane) of \(count)")
        #expect(isFinite(Double.self, value, count) == (lane >= count), "lane \(lane) of \(count)")
      }
    }
  }

  /// What overflows by being rounded is infinite in the file, so the canary says so; the largest Float is not.
  @Test func canaryTellsOverflowOfFloats() {
    let largest = Double(Float.greatestFiniteMagnitude)
    for count in [8, 5] {
      #expect(isFinite(Float.self, Lanes(repeating: largest), count))
      #expect(!isFinite(Float.self, Lanes(repeating: 3.41e38), count))
      #expect(isFinite(Double.self, Lanes(repeating: 3.41e38), count))
    }
  }

  /// Once raised it stays.
  @Test func canaryIsCarriedOn() {
    var target = [Float](repeating: 0, count: 8)
    var canary = SIMD8<Float>.zero
    canary = Float.store(Lanes(repeating: .infinity), to: &target, canary: canary)
    canary = Float.store(Lanes(repeating: 1), to: &target, canary: canary)
    #expect(canary != .zero)
  }

  private func isFinite<E: Element>(_: E.Type, _ value: Lanes, _ count: Int) -> Bool {
    var target = [E](repeating: 0, count: 8)
    return E.store(value, to: &target, count: count, canary: SIMD8<E>(repeating: 0)) == .zero
  }

  @Test func totalAddsAllLanes() {
    #expect(Lanes(1, 2, 4, 8, 16, 32, 64, 128).total == 255)
    #expect(Lanes(1, 2, 4, 8, 16, 32, 64, .nan).total.isNaN)
  }
}

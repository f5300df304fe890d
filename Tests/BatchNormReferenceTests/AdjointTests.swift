import Testing

@testable import BatchNormReference

/// Aᵀ is the adjoint of A if and only if ⟨A·u, v⟩ = ⟨u, Aᵀ·v⟩ for all u and v.
///
/// Both sides are sums of about m·C products of numbers near 1, each rounded once: 1e-14 allows some hundred
/// roundings relative to a sum that is itself no smaller than about 0.01 for the seeds used.
@Suite(.timeLimit(.minutes(30))) struct AdjointTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func meanOverBatch(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let u = generator.matrix(17, 4)
    let v = generator.row(4)
    for rows in selections(rowCount: 17, using: &generator) {
      let left = dot(BatchNormReference.meanOverBatch(u, over: rows).values, v.values)
      let right = dot(u.values, adjointOfMeanOverBatch(v, over: rows).values)
      #expect((left - right).magnitude <= 1e-14, "seed \(seed): \(left) and \(right)")
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func broadcast(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let u = generator.row(4)
    let v = generator.matrix(17, 4)
    let left = dot(broadcastRow(u, rowCount: 17).values, v.values)
    let right = dot(u.values, adjointOfBroadcast(v).values)
    #expect((left - right).magnitude <= 1e-13, "seed \(seed): \(left) and \(right)")
  }

  /// The adjoint of the mean is a matrix of ones, over m.
  @Test func adjointOfMeanIsOnesOverM() {
    let gradient = adjointOfMeanOverBatch([8, -4], over: .all(rowCount: 4))
    #expect(gradient.values == [2, -1, 2, -1, 2, -1, 2, -1])
  }

  @Test func rowsOutsideTheSelectionAreNotRead() {
    let rows = RowSelection([true, false, true])
    #expect(BatchNormReference.meanOverBatch(column(1, .nan, 3), over: rows) == [2])
    #expect(adjointOfMeanOverBatch([8], over: rows) == column(4, 0, 4))
    #expect(adjointOfMeanOverBatch([8], over: .none(rowCount: 2)) == column(0, 0))
  }

  private func selections(rowCount: Int, using generator: inout SplitMix64) -> [RowSelection] {
    let some = (0..<rowCount).map { $0 == 0 || Bool.random(using: &generator) }
    return [.all(rowCount: rowCount), RowSelection(some)]
  }
}

import Foundation
import Testing

@testable import Explain

@Suite(.timeLimit(.minutes(30))) struct ElementaryTests {
  @Test("exp and log are within 2 ulps of the C library's")
  func near() {
    for step in -70_000...70_000 {
      let x = Double(step) / 100 + 0.000_123
      let (found, expected) = (Elementary.exp(x), Foundation.exp(x))
      #expect(abs(found - expected) <= 2 * expected.ulp, "exp(\(x)) = \(found), not \(expected)")
      let positive = Foundation.exp(Double(step) / 1000) + 0.000_1
      let (foundLog, expectedLog) = (Elementary.log(positive), Foundation.log(positive))
      // Near 1 the logarithm is as small as its argument's last bits: the terms of the sum are what counts.
      #expect(
        abs(foundLog - expectedLog) <= max(2 * expectedLog.ulp, 0x1p-54 * abs(positive - 1)),
        "log(\(positive)) = \(foundLog), not \(expectedLog)")
    }
  }

  @Test func edges() {
    #expect(Elementary.exp(0) == 1)
    #expect(Elementary.exp(-.infinity) == 0)
    #expect(Elementary.exp(.infinity) == .infinity)
    #expect(Elementary.exp(709.78).isFinite)
    #expect(Elementary.exp(709.79) == .infinity)
    #expect(Elementary.exp(-745.1) == .leastNonzeroMagnitude)
    #expect(Elementary.exp(.nan).isNaN)
    #expect(Elementary.log(0) == -.infinity)
    #expect(Elementary.log(1) == 0)
    #expect(Elementary.log(-1).isNaN)
    #expect(Elementary.log(.infinity) == .infinity)
    #expect(Elementary.sigmoid(0) == 0.5)
    #expect(Elementary.sigmoid(-1000) == 0)
    #expect(Elementary.sigmoid(1000) == 1)
  }
}

@Suite(.timeLimit(.minutes(30))) struct DenseMatrixTests {
  /// Sums of integers are exact in whatever order, so that every width of the loops is compared with the definition.
  @Test(arguments: [1, 7, 8, 9, 31, 32, 33, 40, 77])
  func product(columns: Int) {
    let (rows, inner) = (5, 11)
    let a = DenseMatrix(rows: rows, columns: inner, values: (0..<rows * inner).map { Double($0 % 13 - 6) })
    let b = DenseMatrix(
      rows: inner, columns: columns, values: (0..<inner * columns).map { Double($0 % 17 - 8) })
    let product = a * b
    for row in 0..<rows {
      for column in 0..<columns {
        let expected = (0..<inner).reduce(0) { $0 + a[row, $1] * b[$1, column] }
        #expect(product[row, column] == expected)
        #expect((b.transposed * a.transposed)[column, row] == expected)
      }
    }
  }

  @Test func selection() {
    let matrix = DenseMatrix(rows: 3, columns: 2, values: [1, 2, 3, 4, 5, 6])
    #expect(matrix.selecting(rows: [2, 0]).values == [5, 6, 1, 2])
    #expect(matrix.columnSums == [9, 12])
    #expect(matrix.addingToRows([10, 20]).values == [11, 22, 13, 24, 15, 26])
    #expect(matrix.transposed.values == [1, 3, 5, 2, 4, 6])
  }

  @Test func order() {
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
    #expect(median([]).isNaN)
    #expect(norm([3, 4]) == 5)
  }
}

import BatchNormReference
import Foundation
import Inspection

/// What becomes of the loss L = Σ out·dout when one value of the batch moves: by the analytic gradient, and by computing it anew.
struct Nudge {
  /// For the template: the table, and what the script needs.
  let values: [String: Any]

  /// The script computes with every value of the feature: with more it is left out.
  private static let mostValues = 2048

  /// Nil without an upstream gradient, or where the gradient is not finite.
  init?(_ trace: LayerTrace, row: Int, feature: Int) {
    guard let dout = trace.trace.dout, let dx = trace.trace.backward?.dx[row, feature], dx.isFinite else {
      return nil
    }
    let column = FeatureColumn(trace.trace, dout, feature)
    let deviation = max(column.variance.squareRoot(), column.x[row].magnitude * 1e-3, 1e-12)
    let rows = (0...4).map { power -> [String: Any] in
      let delta = deviation * pow(10, -Double(power))
      let difference = (column.loss(row, delta) - column.loss(row, -delta)) / (2 * delta)
      return [
        "cells": [
          shown(delta), String(format: "%.8g", difference), String(format: "%.8g", dx),
          shown(difference - dx),
        ]
      ]
    }
    values = [
      "dx": String(format: "%.8g", dx), "rows": rows,
      "how": column.isConstant ? "are constants" : "move with it",
      "data": column.x.count <= Self.mostValues
        ? [column.json(row: row, dx: dx, deviation: deviation)].compactMap { $0 } : [],
    ]
  }

  /// Builds the slider, and says what it does; a page without scripts has the table alone.
  static let script = """
    for (const box of document.querySelectorAll("[data-nudge]")) {
      const d = JSON.parse(box.dataset.nudge);
      const loss = move => {
        const x = d.x.slice();
        x[d.row] += move;
        let mean = d.mean, variance = d.variance;
        if (!d.constant) {
          let n = 0;
          mean = 0;
          x.forEach((v, i) => { if (d.counted[i]) { n += 1; mean += v; } });
          mean /= n;
          variance = 0;
          x.forEach((v, i) => { if (d.counted[i]) variance += (v - mean) ** 2; });
          variance /= n;
        }
        const scale = d.gamma / Math.sqrt(variance + d.epsilon);
        return x.reduce((sum, v, i) => sum + d.dout[i] * (scale * (v - mean) + d.beta), 0);
      };
      const label = document.createElement("label"), slider = document.createElement("input"), told = document.createElement("output");
      label.textContent = "Move it by up to two standard deviations:";
      slider.type = "range";
      slider.min = -200;
      slider.max = 200;
      slider.value = 50;
      const tell = () => {
        const move = slider.value / 100 * d.deviation, change = loss(move) - loss(0), line = d.dx * move;
        told.textContent = `x: ${d.x[d.row].toPrecision(5)} → ${(d.x[d.row] + move).toPrecision(5)}. L changes by ${change.toPrecision(6)}; ` +
          `dx · δ says ${line.toPrecision(6)}, off by ${(change - line).toPrecision(3)}: the rest is curvature.`;
      };
      slider.addEventListener("input", tell);
      label.append(slider);
      box.append(label, told);
      box.hidden = false;
      tell();
    }
    """
}

/// One feature of a batch: all that its loss depends on.
private struct FeatureColumn {
  let x: [Double], dout: [Double]
  let counted: [Bool]
  let gamma, beta, epsilon, mean, variance: Double
  /// True if the gradient takes mean and variance for constants.
  let isConstant: Bool

  init(_ trace: GraphTrace, _ dout: FeatureMatrix, _ feature: Int) {
    let inputs = trace.inputs
    let rows = 0..<inputs.x.rowCount
    x = rows.map { inputs.x[$0, feature] }
    self.dout = rows.map { dout[$0, feature] }
    counted = rows.map { inputs.counted.isIncluded[$0] }
    (gamma, beta, epsilon) = (inputs.gamma[feature], inputs.beta[feature], inputs.epsilon)
    (mean, variance) = (trace.forward.mu[feature], trace.forward.variance[feature])
    isConstant = inputs.mode != .batch
  }

  /// L where one value has moved.
  func loss(_ row: Int, _ move: Double) -> Double {
    var moved = x
    moved[row] += move
    let inputs = GraphInputs(
      x: FeatureMatrix(column: moved), gamma: FeatureRow([gamma]), beta: FeatureRow([beta]), epsilon: epsilon,
      mode: isConstant ? .running(mean: FeatureRow([mean]), variance: FeatureRow([variance])) : .batch,
      counted: counted)
    return zip(forward(inputs).out.values, dout).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// What the script needs: numbers only; nil where one is not finite, for which JSON has no notation.
  func json(row: Int, dx: Double, deviation: Double) -> String? {
    func list(_ numbers: [Double]) -> String { "[" + numbers.map { "\($0)" }.joined(separator: ",") + "]" }
    let isFinite = (x + dout + [gamma, beta, epsilon, mean, variance]).allSatisfy(\.isFinite)
    guard isFinite else { return nil }
    return
      "{\"row\":\(row),\"x\":\(list(x)),\"dout\":\(list(dout)),\"counted\":[\(counted.map { $0 ? "1" : "0" }.joined(separator: ","))],"
      + "\"gamma\":\(gamma),\"beta\":\(beta),\"epsilon\":\(epsilon),\"mean\":\(mean),\"variance\":\(variance),"
      + "\"constant\":\(isConstant),\"dx\":\(dx),\"deviation\":\(deviation)}"
  }
}

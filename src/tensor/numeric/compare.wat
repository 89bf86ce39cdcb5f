;; Sums over two runs of values, four values a step. Everything is in line, as V8 does not inline calls in WebAssembly.
;; Callers fill the last step with zeros, which count as nothing. A binary32 that is not finite makes a sum that is
;; not finite, so nothing is tested for here. Sixteen steps are summed in binary32, their sums in binary64: all in
;; binary64 took twice as long for the same first seven digits.
;; npm run build-kernels writes compare-wasm.ts from this file.
(module
  (memory (export "memory") 3)                      ;; 192 KiB, divided up in compare-kernels.ts
  (global $squares (export "squares") (mut f64) (f64.const 0))          ;; sum of a^2
  (global $differences (export "differences") (mut f64) (f64.const 0))  ;; sum of (b - a)^2
  (global $largest (export "largest") (mut f32) (f32.const 0))          ;; largest |b - a|
  (global $changed (export "changed") (mut i32) (i32.const 0))          ;; values that differ

  ;; Finite values only: says 1 if there was another, whose value is then wrong
  (func (export "widenF16") (param $in i32) (param $out i32) (param $count i32) (result i32)
    (local $end i32) (local $h v128) (local $m v128) (local $subnormal v128) (local $largest v128)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $h (v128.load16x4_u (local.get $in)))
        ;; exponent and mantissa where binary32 has them
        (local.set $m (i32x4.shr_u (i32x4.shl (local.get $h) (i32.const 17)) (i32.const 4)))
        (local.set $largest (i32x4.max_s (local.get $largest) (local.get $m)))
        ;; -1 if so
        (local.set $subnormal (i32x4.lt_s (local.get $m) (v128.const i32x4 0x800000 0x800000 0x800000 0x800000)))
        ;; Another exponent bias; a subnormal gets a leading 1 that is then taken away as 2^-14. Multiplying by 2^112
        ;; would do it in one step, but processors take a hundred cycles for subnormal factors.
        (v128.store (local.get $out)
          (v128.or
            (i32x4.shl (i32x4.shr_u (local.get $h) (i32.const 15)) (i32.const 31))
            (f32x4.sub
              (i32x4.add
                (i32x4.sub (local.get $m) (i32x4.shl (local.get $subnormal) (i32.const 23)))
                (v128.const i32x4 0x38000000 0x38000000 0x38000000 0x38000000))
              (v128.and (local.get $subnormal) (v128.const f32x4 0x1p-14 0x1p-14 0x1p-14 0x1p-14)))))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next)))
    (v128.any_true
      (i32x4.gt_s (local.get $largest) (v128.const i32x4 0x0f7fffff 0x0f7fffff 0x0f7fffff 0x0f7fffff))))

  (func (export "widenBF16") (param $in i32) (param $out i32) (param $count i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (v128.store (local.get $out) (i32x4.shl (v128.load16x4_u (local.get $in)) (i32.const 16)))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next))))

  ;; Sums over `count` binary32 values from $a on and as many from $b on
  (func (export "compare") (param $a i32) (param $b i32) (param $count i32)
    (local $end i32) (local $stop i32) (local $x v128) (local $d v128) (local $changed v128) (local $largest v128)
    (local $squares v128) (local $differences v128)   ;; of sixteen steps
    (local $allSquares v128) (local $allDifferences v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $sixteen
        (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
        (local.set $squares (v128.const f32x4 0 0 0 0))
        (local.set $differences (v128.const f32x4 0 0 0 0))
        (local.set $stop (i32.add (local.get $a) (i32.const 256)))
        (if (i32.gt_u (local.get $stop) (local.get $end)) (then (local.set $stop (local.get $end))))
        (loop $next
          (local.set $x (v128.load (local.get $a)))
          (local.set $d (f32x4.sub (v128.load (local.get $b)) (local.get $x)))
          (local.set $squares (f32x4.add (local.get $squares) (f32x4.mul (local.get $x) (local.get $x))))
          (local.set $differences (f32x4.add (local.get $differences) (f32x4.mul (local.get $d) (local.get $d))))
          ;; a comparison gives -1, and subnormal differences are no zeros
          (local.set $changed (i32x4.sub (local.get $changed) (f32x4.ne (local.get $d) (v128.const f32x4 0 0 0 0))))
          (local.set $largest (f32x4.pmax (local.get $largest) (f32x4.abs (local.get $d))))
          (local.set $a (i32.add (local.get $a) (i32.const 16)))
          (local.set $b (i32.add (local.get $b) (i32.const 16)))
          (br_if $next (i32.lt_u (local.get $a) (local.get $stop))))
        (local.set $allSquares
          (f64x2.add
            (f64x2.add (local.get $allSquares) (f64x2.promote_low_f32x4 (local.get $squares)))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $squares) (local.get $squares)))))
        (local.set $allDifferences
          (f64x2.add
            (f64x2.add (local.get $allDifferences) (f64x2.promote_low_f32x4 (local.get $differences)))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $differences) (local.get $differences)))))
        (br $sixteen)))
    (global.set $squares
      (f64.add (f64x2.extract_lane 0 (local.get $allSquares)) (f64x2.extract_lane 1 (local.get $allSquares))))
    (global.set $differences
      (f64.add (f64x2.extract_lane 0 (local.get $allDifferences)) (f64x2.extract_lane 1 (local.get $allDifferences))))
    (global.set $largest
      (f32.max
        (f32.max (f32x4.extract_lane 0 (local.get $largest)) (f32x4.extract_lane 1 (local.get $largest)))
        (f32.max (f32x4.extract_lane 2 (local.get $largest)) (f32x4.extract_lane 3 (local.get $largest)))))
    (global.set $changed
      (i32.add
        (i32.add (i32x4.extract_lane 0 (local.get $changed)) (i32x4.extract_lane 1 (local.get $changed)))
        (i32.add (i32x4.extract_lane 2 (local.get $changed)) (i32x4.extract_lane 3 (local.get $changed))))))

  ;; Only the sum of a^2, where b is known to be the same
  (func (export "square") (param $a i32) (param $count i32)
    (local $end i32) (local $stop i32) (local $x v128) (local $squares v128) (local $allSquares v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $sixteen
        (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
        (local.set $squares (v128.const f32x4 0 0 0 0))
        (local.set $stop (i32.add (local.get $a) (i32.const 256)))
        (if (i32.gt_u (local.get $stop) (local.get $end)) (then (local.set $stop (local.get $end))))
        (loop $next
          (local.set $x (v128.load (local.get $a)))
          (local.set $squares (f32x4.add (local.get $squares) (f32x4.mul (local.get $x) (local.get $x))))
          (local.set $a (i32.add (local.get $a) (i32.const 16)))
          (br_if $next (i32.lt_u (local.get $a) (local.get $stop))))
        (local.set $allSquares
          (f64x2.add
            (f64x2.add (local.get $allSquares) (f64x2.promote_low_f32x4 (local.get $squares)))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $squares) (local.get $squares)))))
        (br $sixteen)))
    (global.set $squares
      (f64.add (f64x2.extract_lane 0 (local.get $allSquares)) (f64x2.extract_lane 1 (local.get $allSquares))))))

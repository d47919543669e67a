/// Of CEL's public conformance files integer_math, fp_math, conversions, string, string_ext, lists.
/// name | expression | value or error | variables
extension PublicCase {
    static let values = table(
        #"""
        conversions/int/double_round_neg | int(-123.456) | -123
        conversions/int/double_truncate | int(1.9) | 1
        conversions/int/double_truncate_neg | int(-7.9) | -7
        conversions/int/double_half_pos | int(11.5) | 11
        conversions/int/double_half_neg | int(-3.5) | -3
        conversions/int/double_int_max_range | int(9223372036854775807.0) | error
        conversions/int/double_int_min_range | int(-9223372036854775808.0) | error
        conversions/int/double_range | int(1e99) | error
        conversions/int/string | int('987') | 987
        conversions/string/int | string(123) | "123"
        conversions/string/int_neg | string(-456) | "-456"
        conversions/string/double | string(123.456) | "123.456"
        conversions/string/double_hard | string(-4.5e-3) | "-0.0045"
        conversions/type/dyn_no_denotation | dyn | error
        conversions/uint/double_uint_max_range | int(18446744073709551615.0) | error
        fp_math/fp_math/add_positive_positive | 4.25 + 15.25 | 19.5
        fp_math/fp_math/add_positive_negative | 17.75 + (-7.75) | 10.0
        fp_math/fp_math/add_negative_negative | -4.125 + (-2.125) | -6.25
        fp_math/fp_math/sub_positive_positive | 42.0 - 12.0 | 30.0
        fp_math/fp_math/sub_positive_negative | 42.875 - (-22.0) | 64.875
        fp_math/fp_math/sub_negative_negative | -4.875 - (-0.125) | -4.75
        fp_math/fp_math/negative | -(4.5) | -4.5
        fp_math/fp_math/double_negative | -(-1.25) | 1.25
        fp_math/fp_math/negative_zero | -(0.0) | -0.0
        fp_math/fp_math/add_left_identity | 0.0 + 1.75 | 1.75
        fp_math/fp_math/add_right_identity | json:" 2.5 + 0.0" | 2.5
        fp_math/fp_math/add_commutative | 7.5 + 1.5 == 1.5 + 7.5 | true
        fp_math/fp_math/add_associative | 5.625 + (15.75 + 2.0) == (5.625 + 15.75) + 2.0 | true
        integer_math/int64_math/add_positive_positive | 40 + 2 | 42
        integer_math/int64_math/add_positive_negative | 42 + (-7) | 35
        integer_math/int64_math/add_negative_negative | -4 + (-2) | -6
        integer_math/int64_math/sub_positive_positive | 42 - 12 | 30
        integer_math/int64_math/sub_positive_negative | 42 - (-22) | 64
        integer_math/int64_math/sub_negative_negative | -42 - (-12) | -30
        integer_math/int64_math/unary_minus_pos | -(42) | -42
        integer_math/int64_math/unary_minus_neg | -(-42) | 42
        integer_math/int64_math/unary_minus_not_bool | -false | error
        integer_math/int64_math/negtive_zero | -(0) | 0
        integer_math/int64_math/double_negative | -(-42) | 42
        integer_math/int64_math/add_left_identity | 0 + 17 | 17
        integer_math/int64_math/add_right_identity | json:" 29 + 0" | 29
        integer_math/int64_math/add_commutative | 75 + 15 == 15 + 75 | true
        integer_math/int64_math/add_associative | 5 + (15 + 20) == (5 + 15) + 20 | true
        integer_math/int64_math/int64_overflow_positive | 9223372036854775807 + 1 | error
        integer_math/int64_math/int64_overflow_negative | -9223372036854775808 - 1 | error
        integer_math/int64_math/int64_overflow_add_negative | -9223372036854775808 + (-1) | error
        integer_math/int64_math/int64_overflow_sub_positive | 1 - (-9223372036854775807) | error
        integer_math/int64_math/int64_min_negate | -(-9223372036854775808) | error
        lists/concatentation/list_append | [0, 1, 2] + [3, 4, 5] == [0, 1, 2, 3, 4, 5] | true
        lists/concatentation/list_not_commutative | [0, 1, 2] + [3, 4, 5] == [3, 4, 5, 0, 1, 2] | false
        lists/concatentation/list_repeat | [2] + [2] | [2, 2]
        lists/concatentation/empty_empty | [] + [] | []
        lists/concatentation/left_unit | [] + [3, 4] | [3, 4]
        lists/concatentation/right_unit | [1, 2] + [] | [1, 2]
        lists/index/zero_based | [7, 8, 9][0] | 7
        lists/index/singleton | ['foo'][0] | "foo"
        lists/index/middle | [0, 1, 1, 2, 3, 5, 8, 13][4] | 3
        lists/index/last | ['George', 'John', 'Paul', 'Ringo'][3] | "Ringo"
        lists/index/range | [1, 2, 3][3] | error
        lists/in/empty | 7 in [] | false
        lists/in/first | 'alpha' in ['alpha', 'beta', 'gamma'] | true
        lists/in/middle | 3 in [5, 4, 3, 2, 1] | true
        lists/in/missing | 'hawaiian' in ['meat', 'veggie', 'margarita', 'cheese'] | false
        lists/size/list_empty | size([]) | 0
        lists/size/list | size([1, 2, 3]) | 3
        string/size/empty | size('') | 0
        string/size/one_ascii | size('A') | 1
        string/size/one_unicode | size('ÿ') | 1
        string/size/ascii | size('four') | 4
        string/size/unicode | size('πέντε') | 5
        string/starts_with/basic_true | 'foobar'.startsWith('foo') | true
        string/starts_with/basic_false | 'foobar'.startsWith('bar') | false
        string/starts_with/empty_target | ''.startsWith('foo') | false
        string/starts_with/empty_arg | 'foobar'.startsWith('') | true
        string/starts_with/empty_empty | ''.startsWith('') | true
        string/starts_with/unicode | 'завтра'.startsWith('за') | true
        string/starts_with/unicode_smp | '🐱😀😛'.startsWith('🐱') | true
        string/ends_with/basic_true | 'foobar'.endsWith('bar') | true
        string/ends_with/basic_false | 'foobar'.endsWith('foo') | false
        string/ends_with/empty_target | ''.endsWith('foo') | false
        string/ends_with/empty_arg | 'foobar'.endsWith('') | true
        string/ends_with/empty_empty | ''.endsWith('') | true
        string/ends_with/unicode | 'forté'.endsWith('té') | true
        string/ends_with/unicode_smp | '🐱😀😛'.endsWith('😛') | true
        string/concatentation/concat_true | 'he' + 'llo' | "hello"
        string/concatentation/concat_with_spaces | 'hello' + ' ' == 'hello' | false
        string/concatentation/concat_empty_string_beginning | '' + 'abc' | "abc"
        string/concatentation/concat_empty_string_end | 'abc' + '' | "abc"
        string/concatentation/concat_empty_with_empty | '' + '' | ""
        string/concatentation/unicode_unicode | '¢' + 'ÿ' + 'Ȁ' | "¢ÿȀ"
        string/concatentation/ascii_unicode | 'r' + 'ô' + 'le' | "rôle"
        string/concatentation/ascii_unicode_unicode_smp | 'a' + 'ÿ' + '🐱' | "aÿ🐱"
        string/concatentation/empty_unicode | '' + 'Ω' + '' | "Ω"
        string/contains/contains_true | 'hello'.contains('he') | true
        string/contains/contains_empty | 'hello'.contains('') | true
        string/contains/contains_false | 'hello'.contains('ol') | false
        string/contains/contains_multiple | 'abababc'.contains('ababc') | true
        string/contains/contains_unicode | 'Straße'.contains('aß') | true
        string/contains/contains_unicode_smp | '🐱😀😁'.contains('😀') | true
        string/contains/empty_contains | ''.contains('something') | false
        string/contains/empty_empty | ''.contains('') | true
        string_ext/ascii_casing/lowerascii | 'TacoCat'.lowerAscii() == 'tacocat' | true
        string_ext/ascii_casing/lowerascii_unicode | 'TacoCÆt'.lowerAscii() == 'tacocÆt' | true
        string_ext/ascii_casing/lowerascii_unicode_with_space | 'TacoCÆt Xii'.lowerAscii() == 'tacocÆt xii' | true
        """#)
}

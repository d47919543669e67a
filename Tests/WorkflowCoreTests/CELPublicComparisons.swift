/// Of CEL's public conformance files comparisons.
/// name | expression | value or error | variables
extension PublicCase {
    static let comparisons = table(
        #"""
        comparisons/eq_literal/eq_int | 1 == 1 | true
        comparisons/eq_literal/not_eq_int | -1 == 1 | false
        comparisons/eq_literal/eq_double | 1.0 == 1.0e+0 | true
        comparisons/eq_literal/not_eq_double | -1.0 == 1.0 | false
        comparisons/eq_literal/eq_string | '' == "" | true
        comparisons/eq_literal/not_eq_string | 'a' == 'b' | false
        comparisons/eq_literal/eq_raw_string | 'abc' == r'abc' | true
        comparisons/eq_literal/not_eq_string_case | 'abc' == 'ABC' | false
        comparisons/eq_literal/eq_string_unicode | 'ίσος' == 'ίσος' | true
        comparisons/eq_literal/not_eq_string_unicode_ascii | 'a' == 'à' | false
        comparisons/eq_literal/no_string_normalization | 'Am\u00E9lie' == 'Ame\u0301lie' | false
        comparisons/eq_literal/no_string_normalization_surrogate | '\U0001F436' == '\xef\xbf\xbd\xef\xbf\bd' | false
        comparisons/eq_literal/eq_null | null == null | true
        comparisons/eq_literal/eq_bool | true == true | true
        comparisons/eq_literal/not_eq_bool | false == true | false
        comparisons/eq_literal/eq_list_empty | [] == [] | true
        comparisons/eq_literal/eq_list_null | [null] == [null] | true
        comparisons/eq_literal/not_eq_list_null | ['1', '2', null] == ['1', '2', '3'] | false
        comparisons/eq_literal/eq_list_numbers | [1, 2, 3] == [1, 2, 3] | true
        comparisons/eq_literal/not_eq_list_order | [1, 2, 3] == [1, 3, 2] | false
        comparisons/eq_literal/not_eq_list_string_case | ['case'] == ['cAse'] | false
        comparisons/eq_literal/not_eq_list_length | ['one'] == [2, 3] | false
        comparisons/eq_literal/not_eq_list_false_vs_types | [1, 'dos', 3] == [1, 2, 4] | false
        comparisons/eq_literal/eq_mixed_types | 1.0 == 1 | true
        comparisons/eq_literal/eq_list_elem_mixed_types | [1] == [1.0] | true
        comparisons/eq_literal/not_eq_list_elem_null | [1, 2, null] == [1, null, 3] | false
        comparisons/ne_literal/ne_int | 24 != 42 | true
        comparisons/ne_literal/not_ne_int | 1 != 1 | false
        comparisons/ne_literal/ne_double | 9.0e+3 != 9001.0 | true
        comparisons/ne_literal/not_ne_double | 1.0 != 1e+0 | false
        comparisons/ne_literal/ne_string | 'abc' != '' | true
        comparisons/ne_literal/not_ne_string | 'abc' != 'abc' | false
        comparisons/ne_literal/ne_string_unicode | 'résumé' != 'resume' | true
        comparisons/ne_literal/not_ne_string_unicode | 'ίδιο' != 'ίδιο' | false
        comparisons/ne_literal/ne_bool | false != true | true
        comparisons/ne_literal/not_ne_bool | true != true | false
        comparisons/ne_literal/not_ne_null | null != null | false
        comparisons/ne_literal/ne_list_empty | [] != [1] | true
        comparisons/ne_literal/not_ne_list_empty | [] != [] | false
        comparisons/ne_literal/ne_list_bool | [true, false, true] != [true, true, false] | true
        comparisons/ne_literal/not_ne_list_bool | [false, true] != [false, true] | false
        comparisons/ne_literal/not_ne_list_of_list | [[]] != [[]] | false
        comparisons/lt_literal/lt_int | -1 < 0 | true
        comparisons/lt_literal/not_lt_int | 0 < 0 | false
        comparisons/lt_literal/lt_double | 1.0 < 1.0000001 | true
        comparisons/lt_literal/not_lt_double | -0.0 < 0.0 | false
        comparisons/lt_literal/lt_string | 'a' < 'b' | true
        comparisons/lt_literal/lt_string_empty_to_nonempty | '' < 'a' | true
        comparisons/lt_literal/lt_string_case | 'Abc' < 'aBC' | true
        comparisons/lt_literal/lt_string_length | 'abc' < 'abcd' | true
        comparisons/lt_literal/lt_string_diacritical_mark_sensitive | 'a' < '\u00E1' | true
        comparisons/lt_literal/not_lt_string_empty | '' < '' | false
        comparisons/lt_literal/not_lt_string_same | 'abc' < 'abc' | false
        comparisons/lt_literal/not_lt_string_case_length | 'a' < 'AB' | false
        comparisons/lt_literal/unicode_order_lexical | 'f' < '\u1EBF' | true
        comparisons/lt_literal/lt_bool_false_first | false < true | true
        comparisons/lt_literal/not_lt_bool_same | true < true | false
        comparisons/lt_literal/not_lt_bool_true_first | true < false | false
        comparisons/lt_literal/lt_list_unsupported | [0] < [1] | error
        comparisons/lt_literal/lt_null_unsupported | null < null | error
        comparisons/lt_literal/lt_mixed_types_error | 'foo' < 1024 | error
        comparisons/gt_literal/gt_int | 42 > -42 | true
        comparisons/gt_literal/not_gt_int | 0 > 0 | false
        comparisons/gt_literal/gt_double | 1e+1 > 1e+0 | true
        comparisons/gt_literal/not_gt_double | .99 > 9.9e-1 | false
        comparisons/gt_literal/gt_string_case | 'abc' > 'aBc' | true
        comparisons/gt_literal/gt_string_to_empty | 'A' > '' | true
        comparisons/gt_literal/not_gt_string_empty_to_empty | '' > '' | false
        comparisons/gt_literal/gt_string_unicode | 'α' > 'omega' | true
        comparisons/gt_literal/gt_bool_true_false | true > false | true
        comparisons/gt_literal/not_gt_bool_false_true | false > true | false
        comparisons/gt_literal/not_gt_bool_same | true > true | false
        comparisons/gt_literal/gt_null_unsupported | null > null | error
        comparisons/gt_literal/gt_list_unsupported | [1] > [0] | error
        comparisons/gt_literal/gt_mixed_types_error | 'foo' > 1024 | error
        comparisons/lte_literal/lte_int_lt | 0 <= 1 | true
        comparisons/lte_literal/lte_int_eq | 1 <= 1 | true
        comparisons/lte_literal/not_lte_int_gt | 1 <= -1 | false
        comparisons/lte_literal/lte_double_lt | 0.0 <= 0.1e-31 | true
        comparisons/lte_literal/lte_double_eq | 0.0 <= 0e-1 | true
        comparisons/lte_literal/not_lte_double_gt | 1.0 <= 0.99 | false
        comparisons/lte_literal/lte_string_empty | '' <= '' | true
        comparisons/lte_literal/lte_string_from_empty | '' <= 'a' | true
        comparisons/lte_literal/not_lte_string_to_empty | 'a' <= '' | false
        comparisons/lte_literal/lte_string_lexicographical | 'aBc' <= 'abc' | true
        comparisons/lte_literal/lte_string_unicode_eq | 'α' <= 'α' | true
        comparisons/lte_literal/lte_string_unicode_lt | 'a' <= 'α' | true
        comparisons/lte_literal/not_lte_string_unicode | 'α' <= 'a' | false
        comparisons/lte_literal/lte_bool_false_true | false <= true | true
        comparisons/lte_literal/lte_bool_false_false | false <= false | true
        comparisons/lte_literal/lte_bool_true_false | true <= false | false
        comparisons/lte_literal/lte_null_unsupported | null <= null | error
        comparisons/lte_literal/lte_list_unsupported | [0] <= [0] | error
        comparisons/lte_literal/lte_mixed_types_error | 'foo' <= 1024 | error
        comparisons/gte_literal/gte_int_gt | 0 >= -1 | true
        comparisons/gte_literal/gte_int_eq | 999 >= 999 | true
        comparisons/gte_literal/not_gte_int_lt | 999 >= 1000 | false
        comparisons/gte_literal/gte_double_gt | 1e+1 >= 1e+0 | true
        comparisons/gte_literal/gte_double_eq | 9.80665 >= 9.80665e+0 | true
        comparisons/gte_literal/not_gte_double_lt | 0.9999 >= 1.0 | false
        comparisons/gte_literal/gte_string_empty | '' >= '' | true
        comparisons/gte_literal/gte_string_to_empty | 'a' >= '' | true
        comparisons/gte_literal/gte_string_empty_to_nonempty | '' >= 'a' | false
        comparisons/gte_literal/gte_string_length | 'abcd' >= 'abc' | true
        comparisons/gte_literal/not_gte_string_lexicographical | 'abc' >= 'abd' | false
        comparisons/gte_literal/gte_string_unicode_eq | 'τ' >= 'τ' | true
        comparisons/gte_literal/gte_string_unicode_gt | 'τ' >= 't' | true
        comparisons/gte_literal/not_get_string_unicode | 't' >= 'τ' | false
        comparisons/gte_literal/gte_bool_gt | true >= false | true
        comparisons/gte_literal/gte_bool_eq | true >= true | true
        comparisons/gte_literal/not_gte_bool_lt | false >= true | false
        comparisons/gte_literal/gte_null_unsupported | null >= null | error
        comparisons/gte_literal/gte_list_unsupported | ['y'] >= ['x'] | error
        comparisons/gte_literal/gte_mixed_types_error | 'foo' >= 1.0 | error
        comparisons/in_list_literal/elem_not_in_empty_list | 'empty' in [] | false
        comparisons/in_list_literal/elem_in_list | 'elem' in ['elem', 'elemA', 'elemB'] | true
        comparisons/in_list_literal/elem_not_in_list | 'not' in ['elem1', 'elem2', 'elem3'] | false
        comparisons/in_list_literal/elem_in_mixed_type_list | 'elem' in [1, 'elem', 2] | true
        comparisons/bound/int_lte_right_true | 123 <= x | true | {"x": 124}
        comparisons/bound/bool_lt_right_true | false < x | true | {"x": true}
        comparisons/bound/double_ne_left_false | x != 9.8 | false | {"x": 9.8}
        comparisons/bound/null_eq_left_true | x == null | true | {"x": null}
        comparisons/bound/list_eq_right_false | [1, 2] == x | false | {"x": [2, 1]}
        comparisons/bound/string_gte_right_true | 'abcd' >= x | true | {"x": "abc"}
        comparisons/bound/null_lt_right_no_such_overload | null < x | error | {"x": null}
        """#)
}

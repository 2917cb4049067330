/* The list: what list.h promises, operation by operation. */
#include "helper/unit.h"

#include "base/list.h"

struct item {
	int value;
	struct list link;
};

static void assert_items(struct list *head, const char *want)
{
	char got[16] = {0};
	unsigned n = 0;

	list_for_each(l, head) {
		assert_ptr_equal(l->next->prev, l);
		got[n++] = (char)container_of(l, struct item, link)->value;
	}
	assert_string_equal(got, want);
	assert_int_equal(list_empty(head), n == 0);
}

static void items_stand_in_the_order_of_pushing(void **state)
{
	struct item a = {.value = 'a'}, b = {.value = 'b'}, c = {.value = 'c'};
	struct list head;

	(void)state;
	list_init(&head);
	assert_items(&head, "");
	list_push_back(&head, &b.link);
	list_push_back(&head, &c.link);
	list_push_front(&head, &a.link);
	assert_items(&head, "abc");
	assert_ptr_equal(list_pop_front(&head), &a.link);
	assert_false(list_linked(&a.link));
	assert_items(&head, "bc");
}

static void an_item_taken_off_is_on_no_list_and_may_be_taken_off_again(void **state)
{
	struct item a = {.value = 'a'}, b = {.value = 'b'};
	struct list head;

	(void)state;
	list_init(&head);
	list_init(&a.link);
	assert_false(list_linked(&a.link));
	list_push_back(&head, &a.link);
	list_push_back(&head, &b.link);
	assert_true(list_linked(&a.link));
	list_del(&a.link);
	list_del(&a.link);
	assert_false(list_linked(&a.link));
	assert_items(&head, "b");
	list_del(&b.link);
	assert_items(&head, "");
	assert_null(list_pop_front(&head));
}

static void a_splice_moves_all_items_to_the_end(void **state)
{
	struct item a = {.value = 'a'}, b = {.value = 'b'}, c = {.value = 'c'};
	struct list to, from;

	(void)state;
	list_init(&to);
	list_init(&from);
	list_splice_back(&to, &from);
	assert_items(&to, "");
	list_push_back(&from, &a.link);
	list_push_back(&from, &b.link);
	list_splice_back(&to, &from);
	assert_items(&to, "ab");
	assert_items(&from, "");
	list_push_back(&from, &c.link);
	list_splice_back(&to, &from);
	assert_items(&to, "abc");
	list_splice_back(&to, &from);
	assert_items(&to, "abc");
}

static void items_may_be_taken_off_while_walking(void **state)
{
	struct item a = {.value = 'a'}, b = {.value = 'b'}, c = {.value = 'c'};
	struct list head;

	(void)state;
	list_init(&head);
	list_push_back(&head, &a.link);
	list_push_back(&head, &b.link);
	list_push_back(&head, &c.link);
	list_for_each_safe(l, next, &head)
		if (l != &b.link)
			list_del(l);
	assert_items(&head, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_stand_in_the_order_of_pushing),
		cmocka_unit_test(an_item_taken_off_is_on_no_list_and_may_be_taken_off_again),
		cmocka_unit_test(a_splice_moves_all_items_to_the_end),
		cmocka_unit_test(items_may_be_taken_off_while_walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sizes and places as this compiler sees them, as abi.txt spells them. */
#include "check.h"

#define PLACE(field) printf("place xnc_table_info." #field " %zu\n", offsetof(xnc_table_info, field))

int main(void) {
    CHECK(sizeof(xnc_status) == 4 && sizeof(xnc_dtype) == 4 && sizeof(xnc_codec) == 4);
    printf("size xnc_table_info %zu\n", sizeof(xnc_table_info));
    PLACE(rows);
    PLACE(columns);
    PLACE(stored_bytes);
    PLACE(dtype);
    PLACE(codec);
    return 0;
}
